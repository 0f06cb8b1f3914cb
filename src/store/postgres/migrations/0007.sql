-- Who changed what.
CREATE TABLE hookwire.audit (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    tenant text COLLATE "C",
    actor text NOT NULL,
    by_operator boolean NOT NULL,
    surface text NOT NULL,
    action text NOT NULL,
    object text COLLATE "C" NOT NULL,
    detail text NOT NULL,
    succeeded boolean
);

CREATE INDEX audit_at ON hookwire.audit (at);
CREATE INDEX audit_tenant ON hookwire.audit (tenant, seq);
CREATE INDEX audit_object ON hookwire.audit (object, seq);
CREATE INDEX audit_tenant_object ON hookwire.audit (tenant, object, seq);

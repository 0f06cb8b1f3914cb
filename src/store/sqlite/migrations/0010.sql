-- Who changed what. The newest row is never deleted, so that the numbers rise.
CREATE TABLE hookwire_audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    tenant TEXT,
    actor TEXT NOT NULL,
    by_operator INTEGER NOT NULL,
    surface TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    succeeded INTEGER
) STRICT;

CREATE INDEX hookwire_audit_at ON hookwire_audit (at);
CREATE INDEX hookwire_audit_tenant ON hookwire_audit (tenant);
CREATE INDEX hookwire_audit_object ON hookwire_audit (object);
CREATE INDEX hookwire_audit_tenant_object ON hookwire_audit (tenant, object);

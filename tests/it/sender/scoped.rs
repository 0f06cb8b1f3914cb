//! The scoped view: what a tenant, an operator and a read-only caller may see and do.

use std::time::Duration;

use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{Limits, NewEndpoint, Target};
use hookwire::event::{EventType, NewEvent};
use hookwire::id::{DeliveryId, EndpointId, EventId, Tenant};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{EndpointChange, EndpointError, Scope, Scoped, Sender};
use hookwire::store::{DeliveryQuery, EventQuery, MemoryStore, Page};

/// The objects of a tenant, which are the arguments of the operations.
struct Things {
    tenant: Tenant,
    endpoint: EndpointId,
    event: EventId,
    delivery: DeliveryId,
}

fn sender() -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(MemoryStore::new()).egress(egress).build().unwrap()
}

fn new_endpoint() -> NewEndpoint {
    NewEndpoint::at(Target::parse("http://127.0.0.1:9000/in").unwrap())
}

async fn things(sender: &Sender, tenant: &str) -> Things {
    let scoped = sender.scoped(Scope::tenant(tenant));
    let endpoint = scoped.create(new_endpoint()).await.unwrap().id;
    let receipt = scoped.dispatch(NewEvent::json("invoice.paid", &tenant).unwrap()).await.unwrap();
    Things { tenant: tenant.into(), endpoint, event: receipt.event, delivery: receipt.deliveries[0] }
}

/// Ids of objects that do not exist.
fn nothing() -> Things {
    Things {
        tenant: "nobody".into(),
        endpoint: "ep_00000000000070008000000000000000".parse().unwrap(),
        event: EventId::new("evt_00000000000070008000000000000000").unwrap(),
        delivery: "dlv_00000000000070008000000000000000".parse().unwrap(),
    }
}

fn shown(result: impl std::fmt::Debug) -> String {
    format!("{result:?}")
}

fn query(set: impl Fn(&mut DeliveryQuery)) -> DeliveryQuery {
    let mut query = DeliveryQuery::default();
    set(&mut query);
    query
}

/// The result of every operation that reads.
async fn reads(scoped: &Scoped, of: &Things) -> Vec<(&'static str, String)> {
    let invoice_paid = EventType::new("invoice.paid").unwrap();
    let of_tenant = query(|query| query.tenant = Some(of.tenant.clone()));
    let of_endpoint = query(|query| query.lane = Some(of.endpoint.into()));
    let of_event = query(|query| (query.tenant, query.event) = (Some(of.tenant.clone()), Some(of.event.clone())));
    let mut all = vec![
        ("endpoint", shown(scoped.endpoint(of.endpoint).await)),
        ("endpoints", shown(scoped.endpoints(Some(&of.tenant), None, 10).await)),
        ("stats", shown(scoped.stats(of.endpoint).await)),
        ("event", shown(scoped.event(&of.tenant, &of.event).await)),
        ("events", shown(scoped.events(&EventQuery::of(of.tenant.clone()), Page::of(10)).await)),
        ("explain", shown(scoped.explain(&of.tenant, &invoice_paid).await)),
        ("delivery", shown(scoped.delivery(of.delivery).await)),
        ("attempts", shown(scoped.attempts(of.delivery).await)),
    ];
    for (name, query) in
        [("deliveries of tenant", of_tenant), ("deliveries of endpoint", of_endpoint), ("of event", of_event)]
    {
        all.push((name, shown(scoped.deliveries(query, Page::of(10)).await)));
    }
    let counted = match scoped.replay(of.endpoint).await {
        Ok(replay) => shown(replay.all().count().await),
        Err(error) => shown(Err::<(), _>(error)),
    };
    all.push(("replay, counted", counted));
    all
}

/// The result of every operation that changes or sends something.
async fn changes(scoped: &Scoped, of: &Things) -> Vec<(&'static str, String)> {
    let day = Duration::from_secs(86_400);
    let disable = EndpointChange::new().disabled();
    let mut all = vec![
        ("update", shown(scoped.update(of.endpoint, disable.clone()).await)),
        ("update at", shown(scoped.update(of.endpoint, disable.at_version(9)).await)),
        ("renew_key", shown(scoped.renew_key(of.endpoint, day).await)),
        ("prove", shown(scoped.prove(of.endpoint).await)),
        ("test", shown(scoped.test(of.endpoint).await)),
        ("cancel", shown(scoped.cancel(of.delivery).await)),
        ("resend", shown(scoped.resend(of.delivery).await)),
        ("resend_event", shown(scoped.resend_event(&of.tenant, &of.event, None).await)),
        ("resend_event to one", shown(scoped.resend_event(&of.tenant, &of.event, Some(of.endpoint)).await)),
        ("remove_at", shown(scoped.remove_at(of.endpoint, Some(9)).await)),
        ("remove", shown(scoped.remove(of.endpoint).await)),
    ];
    let replayed = match scoped.replay(of.endpoint).await {
        Ok(replay) => shown(replay.all().run().await),
        Err(error) => shown(Err::<(), _>(error)),
    };
    all.push(("replay", replayed));
    all
}

#[tokio::test]
async fn an_object_out_of_scope_is_treated_as_absent() {
    let sender = sender();
    let (_own, theirs) = (things(&sender, "acme").await, things(&sender, "other").await);
    let owner = sender.scoped(Scope::tenant("other"));
    let before = reads(&owner, &theirs).await;
    for scope in [Scope::tenant("acme"), Scope::tenant("acme").read_only()] {
        let scoped = sender.scoped(scope);
        for ((name, of_theirs), (_, of_nothing)) in
            reads(&scoped, &theirs).await.into_iter().zip(reads(&scoped, &nothing()).await)
        {
            assert_eq!(of_theirs, of_nothing, "{name}");
        }
        for ((name, of_theirs), (_, of_nothing)) in
            changes(&scoped, &theirs).await.into_iter().zip(changes(&scoped, &nothing()).await)
        {
            assert_eq!(of_theirs, of_nothing, "{name}");
            assert!(of_theirs == "Err(NotFound)" || of_theirs == "Err(ReadOnly)", "{name}: {of_theirs}");
        }
        let endpoint = sender.endpoints().get(theirs.endpoint).await.unwrap();
        assert!(scoped.secret(&endpoint).is_err(), "a secret of another tenant");
    }
    assert_eq!(reads(&owner, &theirs).await, before, "nothing was changed");
}

#[tokio::test]
async fn a_read_only_caller_reads_what_others_read_and_changes_nothing() {
    let sender = sender();
    let own = things(&sender, "acme").await;
    for (full, reader) in
        [(Scope::tenant("acme"), Scope::tenant("acme").read_only()), (Scope::operator(), Scope::operator().read_only())]
    {
        let (full, reader) = (sender.scoped(full), sender.scoped(reader));
        let before = reads(&full, &own).await;
        assert_eq!(reads(&reader, &own).await, before);
        for (name, refused) in changes(&reader, &own).await {
            assert_eq!(refused, "Err(ReadOnly)", "{name}");
        }
        let endpoint = full.endpoint(own.endpoint).await.unwrap();
        for refused in [
            shown(reader.create(new_endpoint()).await),
            shown(reader.dispatch(NewEvent::json("invoice.paid", &1).unwrap()).await),
            shown(reader.secret(&endpoint)),
        ] {
            assert_eq!(refused, "Err(ReadOnly)");
        }
        assert_eq!(reads(&full, &own).await, before, "nothing was changed");
    }
}

#[tokio::test]
async fn an_operator_and_the_tenant_itself_change_what_they_see() {
    let sender = sender();
    for scope in [Scope::tenant("acme"), Scope::operator()] {
        let own = things(&sender, "acme").await;
        let scoped = sender.scoped(scope);
        let (event, endpoint) = (own.event.clone(), own.endpoint);
        assert!(scoped.update(endpoint, EndpointChange::new().disabled()).await.is_ok());
        assert!(scoped.update(endpoint, EndpointChange::new().enabled()).await.is_ok());
        scoped.cancel(own.delivery).await.unwrap();
        assert_eq!(scoped.delivery(own.delivery).await.unwrap().unwrap().state, DeliveryState::Cancelled);
        assert_eq!(scoped.resend_event(&own.tenant, &event, Some(endpoint)).await.unwrap(), [own.delivery]);
        assert_eq!(shown(scoped.resend(own.delivery).await), "Err(WrongState)", "it is pending");
        assert_eq!(scoped.replay(endpoint).await.unwrap().all().limit(1).run().await.unwrap(), 1);
        assert!(scoped.remove(endpoint).await.is_ok());
        assert_eq!(shown(scoped.cancel(own.delivery).await), "Err(WrongState)", "the removal has cancelled it");
    }
}

#[tokio::test]
async fn an_endpoint_that_a_tenant_creates_belongs_to_it_whatever_the_request_names() {
    let sender = sender();
    let scoped = sender.scoped(Scope::tenant("acme"));
    let endpoint = scoped.create(new_endpoint().tenant("other")).await.unwrap();
    assert_eq!(endpoint.tenant, "acme".into());
    let receipt = scoped.dispatch(NewEvent::json("invoice.paid", &1).unwrap().tenant("other")).await.unwrap();
    assert!(scoped.event(&"acme".into(), &receipt.event).await.unwrap().is_some());
    assert!(sender.history().event(&"other".into(), &receipt.event).await.unwrap().is_none());
}

#[tokio::test]
async fn a_tenant_changes_its_endpoint_with_the_rights_of_the_owner() {
    let sender = sender();
    let (tenant, operator) = (sender.scoped(Scope::tenant("acme")), sender.scoped(Scope::operator()));
    let endpoint = tenant.create(new_endpoint()).await.unwrap().id;
    operator.update(endpoint, EndpointChange::new().disabled()).await.unwrap();
    let refused = tenant.update(endpoint, EndpointChange::new().enabled()).await;
    assert!(matches!(refused, Err(EndpointError::DisabledByOperator)), "{refused:?}");
    let many = Limits::default().with_concurrency(1_000.try_into().unwrap());
    let refused = tenant.update(endpoint, EndpointChange::new().limits(many)).await;
    assert!(matches!(refused, Err(EndpointError::AboveCeiling { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_list_shows_only_tenants_in_scope() {
    let sender = sender();
    let (own, theirs) = (things(&sender, "acme").await, things(&sender, "other").await);
    let count = async |scope: Scope, tenant: Option<&Tenant>| {
        let scoped = sender.scoped(scope);
        let query = query(|query| query.tenant = tenant.cloned());
        let deliveries = scoped.deliveries(query, Page::of(10)).await.unwrap().items.len();
        assert_eq!(scoped.endpoints(tenant, None, 10).await.unwrap().len(), deliveries);
        deliveries
    };
    assert_eq!(count(Scope::operator(), None).await, 2);
    assert_eq!(count(Scope::operator(), Some(&theirs.tenant)).await, 1);
    assert_eq!(count(Scope::tenant("acme"), None).await, 1);
    assert_eq!(count(Scope::tenant("acme"), Some(&own.tenant)).await, 1);
    assert_eq!(count(Scope::tenant("acme"), Some(&theirs.tenant)).await, 0);
}

//! The pages for operators and tenants.

mod changes;
mod cross_site;
mod diagnosis;
mod hostile;
mod mounts;
mod site;
mod walk;

//! The pages for operators and tenants.

mod audit;
mod both_ways;
mod brand;
mod changes;
mod cross_site;
mod damaged;
mod diagnosis;
mod filters;
mod hostile;
mod inbox;
mod jobs;
mod long;
mod mounts;
mod payload;
mod repeated;
mod site;
mod walk;
mod watched;

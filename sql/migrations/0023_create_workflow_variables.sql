-- workflow_variables: the values that a key's steps see beside the YAML's defaults. Grain: one row a
-- (workflow, key, name, origin). Those of origin row and schedule are the last attempt's, launch stays until
-- it is given again, step is what a step saved. value is {type, value}, so that it comes back as it was.
create table workflow_variables (
    workflow text not null,
    key text not null,
    name text not null,
    origin text not null check (origin in ('row', 'schedule', 'launch', 'step')),
    value jsonb not null,
    primary key (workflow, key, name, origin)
);

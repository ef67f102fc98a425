"""The starting file of a new source: what `dg scaffold defs` writes.

Here belongs the template. It is valid as it stands, so that the code location still loads; each line says
what to put there.
"""

from sync_platform.components.scaffolding import YamlScaffolder, slug

_TEMPLATE = """\
# A paginated REST API, kept in a Postgres table.
# All words and what they mean: docs/api-sync.md, the component's page in the UI, or `dg docs serve`.
# When it stands: `dg check defs`, then `sync-platform doctor {name}` asks the API for one page.
type: {type}
attributes:
  source: {name}   # the noun of all names: assets, job {name}_sync_job, schedule, check
  description: {name} of our external system   # what a newcomer reads in the UI

  # ${{NAME}} is looked up in the environment or .env when a run needs it, never written here.
  base_url: "${{EXTERNAL_API_URL}}"
  auth: {{type: bearer, token: "${{EXTERNAL_API_TOKEN}}"}}   # or none, basic, header, query, oauth2

  # The first request as the API's own page writes it. A parameter whose placeholder has no value is left out.
  request:
    path: /{name}
    params: {{page: "{{page}}", limit: "{{page_size}}", updated_since: "{{since}}"}}
  page_size: 100
  pagination: {{type: page, total: total}}   # or offset, cursor, next_url, link_header, last_record, none
  records: data   # where the record array stands in the body; leave it out when the body is the array

  # How to ask for changes only. Leave it out, with {{since}} above, and every sync reads everything.
  incremental: {{field: updated_at, start: "2024-01-01T00:00:00Z", lag_s: 60}}
  full_every_s: 604800   # and read everything once a week, which finds what the change time hides

  # Values that must have a type, or are nested; a record that does not fit is quarantined, alone.
  fields:
    id: {{path: id, type: text, required: true}}

  # Target columns: SQL over a record's top-level names and `fields`.
  columns:
    external_id: id
    name: name
    # amount: {{sql: amount, type: numeric}}   # or bigint, boolean, timestamptz, date, jsonb
  target: {{table: {name}, key: external_id}}   # created when missing, widened by new columns
  # deleted: {{when: is_deleted, set: {{name: null}}}}   # records that say that something is gone
  # on_missing: deactivate   # after a proven full sync; needs `deleted`, or a column `status`
  # rate_limit: {{max_requests: 10, per_s: 1}}

  schedule: {{cron: "0 * * * *", status: stopped}}   # switch it on here or in the UI
"""


class ApiSyncScaffolder(YamlScaffolder):
    """Writes the starting file of a source, named after its folder."""

    template = _TEMPLATE

    @classmethod
    def name_of(cls, folder: str) -> str:
        """Make a source's noun from a folder's name: `Orders-sync` becomes `orders`."""
        return slug(folder, otherwise="records", ending="_sync")

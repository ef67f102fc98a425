"""The starting files of a new push: what `dg scaffold defs` writes.

Here belongs the template. It is valid as it stands, so that the code location still loads; each line says
what to put there.
"""

from sync_platform.components.api_push.names import push_name_of
from sync_platform.components.scaffolding import YamlScaffolder

_TEMPLATE = """\
# The rows of a query, sent to an HTTP endpoint one by one, once each.
# All words and what they mean: docs/push.md, the component's page in the UI, or `dg docs serve`.
# When it stands: `dg check defs`, then `sync-platform push {name} --dry-run` shows what would be sent.
type: {type}
attributes:
  description: customers for our external system   # what a newcomer reads in the UI

  # The query: a file in sql/, here sql/push/customers.sql; `source_asset` names its asset.
  source: push/customers
  source_asset: {name}_rows
  deps: [users]             # the assets that the query reads
  key: customer_id          # the column that tells one row from another

  # The request of one row. {{column}} is a column of the query; ${{NAME}} is looked up in the environment or
  # .env when a run needs it, never written here.
  request:
    method: POST            # or PUT, PATCH, DELETE
    url: "${{CUSTOMER_PUSH_URL}}"
    json: {{id: "{{customer_id}}", email: "{{email}}"}}
  # auth: {{type: bearer, token: "${{CUSTOMER_PUSH_TOKEN}}"}}   # or basic, header, query, oauth2
  # sign: {{secret: "${{WEBHOOK_SECRET}}"}}   # Standard Webhooks

  pace: {{wait_s: 4}}         # from a reply to the next request; or {{max_requests_per_s: 10, burst: 5}}
  # max_in_flight: 8        # requests at the same time
  # send: all               # instead of what changed since the last delivery
  # success: {{body: {{ok: true}}}}   # where a 2xx alone does not mean that it was taken
  # after_each: {{sql: push/mark_sent}}   # a statement or an `http` call after each delivered row, once
  # in_doubt: park          # instead of sending again, with the same key, what may have arrived
  # schedule: "0 6 * * *"   # absent: started by hand
"""


class ApiPushScaffolder(YamlScaffolder):
    """Writes the starting file of a push, named after its folder."""

    template = _TEMPLATE

    @classmethod
    def name_of(cls, folder: str) -> str:
        """Make a push's name from a folder's name: `CRM-Push` becomes `crm_push`."""
        return push_name_of(folder)

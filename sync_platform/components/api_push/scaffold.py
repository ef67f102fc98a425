"""The starting files of a new push: what `dg scaffold defs` writes.

Here belongs the template. It is valid as it stands, so that the code location still loads; each line says
what to put there.
"""

import dagster as dg

from sync_platform.components.api_push.names import slug

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


class ApiPushScaffolder(dg.Scaffolder[dg.Model]):
    """Writes a commented `defs.yaml` that loads as it stands."""

    def scaffold(self, request: dg.ScaffoldRequest[dg.Model]) -> None:
        """Write `defs.yaml` for a push named after its folder; appended where asked.

        Raises:
            DagsterInvalidInvocationError: Python was asked for; this component is set up by YAML only.
        """
        if request.scaffold_format != "yaml":
            raise dg.DagsterInvalidInvocationError("ApiPush is set up by YAML: leave out `--format python`.")
        file = request.target_path if request.append else request.target_path / "defs.yaml"
        text = _TEMPLATE.format(type=request.type_name, name=slug(request.target_path.name))
        with file.open("a" if request.append else "w", encoding="utf-8") as out:
            out.write(f"---\n{text}" if request.append else text)

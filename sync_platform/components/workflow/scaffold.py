"""The starting file of a new workflow: what `dg scaffold defs` writes.

Here belongs the template. It is valid as it stands, so that the code location still loads; each line says
what to put there.
"""

from sync_platform.components.scaffolding import YamlScaffolder, slug

_TEMPLATE = """\
# Steps that run for each row of a query, once.
# All words and what they mean: docs/workflow.md, the component's page in the UI, or `dg docs serve`.
# When it stands: `dg check defs`, then `sync-platform workflow run {name} --key K`.
type: {type}
attributes:
  name: {name}   # job {name}_job, {name}_sensor, {name}_schedule
  description: What it does, for whom   # what a newcomer reads in the UI

  # The query whose rows are due. Its first column is the key: each becomes a partition and one run.
  trigger:
    sql: workflow/scaffold_due   # a file in sql/; binds %(now)s and %(lead_s)s
    columns: [item_id, title]    # what it returns; all are variables of every step
    every_s: 60
    sensor: {{status: stopped}}   # switch it on here or in the UI
    # exists: orders/order_exists   # with %(key)s: tells an unknown key from one that is not due
    # schedule: "30 23 * * *"       # ask at these times too
    # lead_s: 1800                  # how far the schedule looks ahead

  variables: {{}}   # defaults; the row, the schedule and `--var` win over them
  # while: orders/may_go_on   # asked before each step and each request; false pauses the run

  steps:
    - name: {name}_first_step
      sql: workflow/scaffold_step
      # save: total   # the first column of its first row, for later steps
    # - name: {name}_call
    #   after: [{name}_first_step]   # all of them; {{any: [...]}} one of them; {{step: ..., on: failure}}
    #   http: {{method: POST, url: "${{SHOP_URL}}/orders", json: {{id: "{{item_id}}", title: "{{title}}"}}}}
    #   timeout_s: 30
    #   retry: {{count: 2, delay_s: 5}}

  on_failure:
    - alert: "{name} of {{key}} failed: {{step}}"
    - reschedule: {{delay_s: 300, attempts: 3}}
  # on_success:
  #   - sql: orders/mark_done
"""


class WorkflowScaffolder(YamlScaffolder):
    """Writes the starting file of a workflow, named after its folder."""

    template = _TEMPLATE

    @classmethod
    def name_of(cls, folder: str) -> str:
        """Make a workflow's name from a folder's name: `Order-reminder` becomes `order_reminder`."""
        return slug(folder, otherwise="workflow")

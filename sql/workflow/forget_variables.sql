-- Purpose: drop the values that a new claim gives anew.
-- Parameters: workflow, key, origins
-- Grain: those rows. Rerun: none are left.
delete from workflow_variables
where
    workflow = %(workflow)s
    and key = %(key)s
    and origin = any(%(origins)s)

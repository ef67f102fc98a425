"""HTTP: ask an API for its pages, politely and within bounds, and classify whatever comes back.

Here belong the client, authentication, pagination, rate limits, the retry policy, the opening of a page
and redaction. Files, Postgres, polars and dagster do not: this room neither knows what a record
means nor where it goes.
"""

"""The push engine: rows of a query go to a receiver, item by item, once each.

`plan` decides what is to be sent and writes it down, `pace` when, `send` does it, `outcome` judges each
answer, `policy` what follows, `ledger` keeps the books, `account` adds them up. Decisions are pure functions;
only `ledger` and `plan` speak to Postgres and only `wire` to the receiver. Engines do not import each other.
"""

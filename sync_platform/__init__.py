"""sync_platform: customer data between APIs and Postgres, and the campaigns on it; the books balance."""

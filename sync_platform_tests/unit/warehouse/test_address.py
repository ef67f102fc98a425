import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine

from sync_platform.vocabulary import SettingsError
from sync_platform.warehouse.address import DatabaseAddress

SECRET = "s3cret p@ss/word%"
PERCENT_ENCODED = "s3cret%20p%40ss%2Fword%25"


def keywords(address: DatabaseAddress) -> dict[str, str]:
    return dict(address.keywords)


@pytest.mark.parametrize(
    ("url", "sslmode"),
    [
        ("postgresql://db.example.com/app", "require"),
        ("postgres://10.0.0.5/app", "require"),
        ("postgresql://[2001:db8::1]/app", "require"),
        ("postgresql://localhost,db.example.com/app", "require"),
        ("postgresql://localhost.example.com/app", "require"),
        ("postgresql://db.example.com/app?hostaddr=127.0.0.1", None),
        ("postgresql://localhost/app?hostaddr=10.0.0.5", "require"),
        ("postgresql://localhost/app", None),
        ("postgresql://LOCALHOST/app", None),
        ("postgresql://127.0.0.1/app", None),
        ("postgresql://127.8.9.10/app", None),
        ("postgresql://[::1]/app", None),
        ("postgresql:///app", None),
        ("postgresql:///app?host=/run/postgresql", None),
        ("postgresql://%2Frun%2Fpostgresql/app", None),
        ("postgresql://db.example.com/app?sslmode=disable", "disable"),
        ("postgresql://db.example.com/app?sslmode=verify-ca&sslrootcert=ca.pem", "verify-ca"),
        ("postgresql://db.example.com/app?sslrootcert=ca.pem", "verify-full"),
        ("postgresql://localhost/app?sslrootcert=ca.pem", "verify-full"),
    ],
)
def test_tls_is_required_unless_the_host_is_local_or_the_address_says_otherwise(
    url: str, sslmode: str | None
) -> None:
    assert keywords(DatabaseAddress.parse(url)).get("sslmode") == sslmode


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{PERCENT_ENCODED}@db.example.com:6432/app?connect_timeout=3&options=-c%20a%3Db",
        f"postgresql://me:{PERCENT_ENCODED}@[::1]:6432/app",
        f"postgresql://me:{PERCENT_ENCODED}@/app?host=/run/my%20postgres&port=6432",
        f"postgresql://me:{PERCENT_ENCODED}@one.example.com:1111,two.example.com:2222/app?target_session_attrs=any",
        f"postgresql://m%40e:{PERCENT_ENCODED}@localhost/%C3%A4pp",
        "postgresql:///app",
        "postgresql://localhost",
    ],
)
def test_every_spelling_of_an_address_means_the_same(url: str) -> None:
    address = DatabaseAddress.parse(url)
    assert conninfo_to_dict(address.conninfo()) == keywords(address)
    assert conninfo_to_dict(address.uri()) == keywords(address)
    assert sqlalchemy_means(address) == keywords(address)


@given(
    user=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    password=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    database=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
)
def test_any_user_password_and_database_survive(user: str, password: str, database: str) -> None:
    wanted = {"dbname": database, "host": "db.example.com", "password": password, "user": user}
    address = DatabaseAddress(tuple(wanted.items()))
    assert conninfo_to_dict(address.conninfo()) == wanted
    assert keywords(DatabaseAddress.parse(address.uri())) == {**wanted, "sslmode": "require"}
    assert sqlalchemy_means(address) == wanted


def test_a_password_is_in_no_text_that_could_be_logged() -> None:
    address = DatabaseAddress.parse(
        f"postgresql://me:{PERCENT_ENCODED}@db.example.com/app?sslpassword=hidden"
    )
    for text in (str(address), repr(address), f"{address}", str([address]), f"{address!r:>5}"):
        assert SECRET not in text
        assert PERCENT_ENCODED not in text
        assert "hidden" not in text
    assert str(address) == "postgresql://me@db.example.com:5432/app"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://me:topsecret@host/app",
        "host=localhost password=topsecret",
        "postgresql://me:%topsecret@host/app",
        "postgresql://me:topsecret@host:port/app",
        "postgresql://me:topsecret@host:99999/app",
        "postgresql://me:topsecret@host/app?nonsense=1",
        "postgresql://me:topsecret@[::1/app",
        "postgresql://me:top%00secret@host/app",
    ],
)
def test_a_malformed_address_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL is malformed") as refused:
        DatabaseAddress.parse(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_another_database_keeps_the_server() -> None:
    address = DatabaseAddress.parse("postgresql://me@db.example.com:6432/app").with_database("other")
    assert str(address) == "postgresql://me@db.example.com:6432/other"


def test_a_search_path_is_added_to_the_options_that_stand_there() -> None:
    address = DatabaseAddress.parse("postgresql://localhost/app?options=-c%20jit%3Doff")
    assert keywords(address.with_search_path("dagster"))["options"] == '-c jit=off -c search_path="dagster"'


def test_defaults_give_way_to_the_address() -> None:
    address = DatabaseAddress.parse("postgresql://localhost/app?application_name=mine")
    settled = keywords(address.with_defaults(application_name="ours", connect_timeout="5"))
    assert (settled["application_name"], settled["connect_timeout"]) == ("mine", "5")


def sqlalchemy_means(address: DatabaseAddress) -> dict[str, str]:
    engine = create_engine(address.sqlalchemy_url())
    _, connect_options = engine.dialect.create_connect_args(engine.url)
    return {name: str(value) for name, value in connect_options.items()}

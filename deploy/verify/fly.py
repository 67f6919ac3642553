"""fly.toml: what the platform's own validation lets pass and then does not do, or does differently."""

import re

from deploy.verify.checks import Checkout, Wrong, require

#: every key that may stand in fly.toml here, by table; what is not listed is a slip of the pen or has to be thought about first
KEYS = {
    "": {"app", "primary_region", "kill_signal", "kill_timeout", "swap_size_mb", "build", "deploy", "env", "mounts", "http_service", "checks",
         "vm", "restart", "metrics"},
    "build": {"dockerfile"},
    "deploy": {"strategy", "wait_timeout"},
    "mounts": {"source", "destination", "initial_size", "snapshot_retention", "scheduled_snapshots", "auto_extend_size_threshold",
               "auto_extend_size_increment", "auto_extend_size_limit"},
    "http_service": {"internal_port", "force_https", "auto_stop_machines", "auto_start_machines", "min_machines_running", "concurrency", "checks"},
    "http_service.concurrency": {"type", "soft_limit", "hard_limit"},
    "http_service.checks": {"method", "path", "interval", "timeout", "grace_period", "headers"},
    "checks.live": {"type", "port", "method", "path", "interval", "timeout", "grace_period", "headers"},
    "vm": {"size", "memory"},
    "restart": {"policy", "retries"},
    "metrics": {"port", "path"},
}
#: {size: the most MB it can have}
SIZES = {"shared-cpu-1x": 2048, "shared-cpu-2x": 4096, "shared-cpu-4x": 8192, "shared-cpu-8x": 16384,
         "performance-1x": 8192, "performance-2x": 16384, "performance-4x": 32768, "performance-8x": 65536, "performance-16x": 131072}
SIGNALS = {"SIGTERM", "SIGINT"}  # the two on which the server drains; SIGHUP, SIGQUIT and SIGUSR1 exist and would lose requests
MOST_KILL_SECONDS = 300


def seconds(text) -> float:
    """A duration as Fly reads it, which needs its unit: a bare number is nanoseconds in one place and milliseconds in another.

    >>> seconds("5m"), seconds("1m30s"), seconds("500ms")
    (300.0, 90.0, 0.5)
    """
    units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
    if not isinstance(text, str) or not re.fullmatch(r"(\d+(h|ms|m|s))+", text):
        raise Wrong(f"{text!r} is no duration with a unit, like \"45s\".")
    return float(sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|h|m|s)", text)))


def rows(fly: dict, name: str) -> list[dict]:
    """The tables of a [[name]], also where it is written with single brackets."""
    found = fly
    for part in name.split("."):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, list) else [found] if found else []


def known_keys(checkout: Checkout) -> str:
    """fly.toml has no key that the platform would pass over in silence."""
    fly = checkout.fly
    tables = [("", fly), *((name, table) for name in KEYS if name for table in rows(fly, name))]
    unknown = sorted(f"{name}.{key}".strip(".") for name, table in tables for key in set(table) - KEYS[name])
    unknown += sorted(f"checks.{name}" for name in set(fly.get("checks", {})) - {"live"})
    require(not unknown, f"fly.toml has {', '.join(unknown)}, which Fly does not know.")
    return f"{sum(len(table) for _, table in tables)} keys"


def kill_signal(checkout: Checkout) -> str:
    """The platform's kill signal is one on which the server drains."""
    given = checkout.fly.get("kill_signal")
    require(given in SIGNALS, f"kill_signal is {given!r}: it has to be SIGTERM or SIGINT.")
    return given


def kill_timeout(checkout: Checkout) -> str:
    """kill_timeout is longer than the server's own drain and at most what the platform allows."""
    given, drain = seconds(checkout.fly.get("kill_timeout")), _drain_seconds(checkout)
    require(given <= MOST_KILL_SECONDS, f"kill_timeout is {given:.0f} s: Fly cuts it to {MOST_KILL_SECONDS}.")
    require(given > drain + 5, f"kill_timeout is {given:.0f} s and the server drains for up to {drain:.0f}, and then has to save: a kill would come first.")
    return f"{given:.0f} s over a drain of {drain:.0f} s"


def _drain_seconds(checkout: Checkout) -> float:
    return float(checkout.fly.get("env", {}).get("CONTEST_DRAIN_SECONDS", checkout.app.settings["CONTEST_DRAIN_SECONDS"]))


def durations(checkout: Checkout) -> str:
    """Every duration in fly.toml has its unit, and no check asks faster than it waits."""
    fly = checkout.fly
    checks = [*rows(fly, "http_service.checks"), *rows(fly, "checks.live")]
    for table, keys in [(fly.get("deploy", {}), ["wait_timeout"]), *((check, ["interval", "timeout", "grace_period"]) for check in checks)]:
        for key in keys:
            try:
                seconds(table.get(key))
            except Wrong as no:
                raise Wrong(f"{key}: {no}") from None
    for check in checks:
        require(1 <= seconds(check["timeout"]) < seconds(check["interval"]), f"The check of {check.get('path')} waits longer than it pauses, or under 1 s.")
    return f"wait {fly['deploy']['wait_timeout']}, checks " + ", ".join(check["interval"] for check in checks)


def strategy(checkout: Checkout) -> str:
    """The deploy strategy is one that works with a volume."""
    given = checkout.fly.get("deploy", {}).get("strategy")
    require(given in ("rolling", "immediate"), f"strategy is {given!r}: with a volume only rolling and immediate work.")
    return given


def one_volume(checkout: Checkout) -> str:
    """fly.toml mounts exactly one volume, at a folder of its own, that grows before it is full."""
    mounts = rows(checkout.fly, "mounts")
    require(len(mounts) == 1, f"fly.toml has {len(mounts)} mounts: a Machine has one volume.")
    mount = mounts[0]
    to = mount.get("destination", "")
    require(re.fullmatch(r"/[a-z][\w/-]*", to), f"The volume's destination is {to!r}: it has to be a folder of its own, like /data.")
    require(re.fullmatch(r"[a-z][a-z0-9_]{0,29}", mount.get("source", "")), "The volume's name is of a-z, 0-9 and _, 30 at most.")
    sizes = {key: _gigabytes(mount, key) for key in ("initial_size", "auto_extend_size_increment", "auto_extend_size_limit")}
    require(8 <= sizes["initial_size"] <= sizes["auto_extend_size_limit"], "initial_size is from 8gb (1 for the log, 2 for backups, 5 for photos) to the limit.")
    require(sizes["auto_extend_size_increment"] >= 1, "auto_extend_size_increment is at least 1GB.")
    require(50 <= mount.get("auto_extend_size_threshold", 0) <= 90, "auto_extend_size_threshold is from 50 to 90 percent.")
    require(mount.get("snapshot_retention", 0) >= 7, "snapshot_retention is at least 7 days.")
    return f"{sizes['initial_size']} GB at {to}, up to {sizes['auto_extend_size_limit']}"


def _gigabytes(mount: dict, key: str) -> int:
    found = re.fullmatch(r"(\d+)gb", str(mount.get(key, "")).lower())
    require(found, f"{key} is {mount.get(key)!r}: it has to be like \"8gb\".")
    return int(found[1])


def concurrency(checkout: Checkout) -> str:
    """Connections are what is counted, and the hard limit is above the soft one."""
    given = checkout.fly.get("http_service", {}).get("concurrency", {})
    soft, hard = given.get("soft_limit", 0), given.get("hard_limit", 0)
    require(given.get("type") == "connections", f"The concurrency type is {given.get('type')!r}: sockets are counted by \"connections\".")
    require(0 < soft < hard, f"soft_limit is {soft} and hard_limit {hard}: the hard one has to be the higher.")
    return f"{soft} soft, {hard} hard"


def always_on(checkout: Checkout) -> str:
    """The Machine stays up, is started again whatever its end, and speaks https to the world."""
    fly = checkout.fly
    service = fly.get("http_service", {})
    require(service.get("auto_stop_machines") == "off", "auto_stop_machines has to be \"off\": a contest that sleeps loses its sockets.")
    require(service.get("auto_start_machines") is True and service.get("min_machines_running") == 1,
            "auto_start_machines is true and min_machines_running 1.")
    require(service.get("force_https") is True, "force_https has to be true: cookies and offline pages need it.")
    require([each.get("policy") for each in rows(fly, "restart")] == ["always"], "[[restart]] has to be policy = \"always\".")
    return "one Machine, always"


def machine(checkout: Checkout) -> str:
    """The Machine is one that exists, with memory in steps of 256 MB and swap for a large photo."""
    sizes = rows(checkout.fly, "vm")
    require(len(sizes) == 1, "[[vm]] stands there once.")
    size, memory = sizes[0].get("size"), re.fullmatch(r"(\d+)(mb|gb)", str(sizes[0].get("memory", "")).lower())
    require(size in SIZES, f"There is no VM size {size!r}.")
    require(memory, f"memory is {sizes[0].get('memory')!r}: it has to be like \"512mb\".")
    megabytes = int(memory[1]) * (1024 if memory[2] == "gb" else 1)
    require(megabytes % 256 == 0, f"memory is {megabytes} MB: Fly takes steps of 256.")
    require(512 <= megabytes <= SIZES[size], f"{megabytes} MB is not from 512 to the {SIZES[size]} that {size} can have.")
    require(checkout.fly.get("swap_size_mb", 0) >= 512, "swap_size_mb is at least 512: a photo of 48 megapixels needs it beside everything else.")
    return f"{size}, {megabytes} MB and {checkout.fly['swap_size_mb']} MB swap"


def env_names(checkout: Checkout) -> str:
    """[env] holds settings that the server knows, as text, no secret and no name of the platform's own."""
    env = checkout.fly.get("env", {})
    for name, value in env.items():
        require(not name.startswith("FLY_"), f"[env] has {name}: names with FLY_ are the platform's.")
        require(name in checkout.app.settings, f"[env] has {name}, which is no setting: the server would not start.")
        require(name != "CONTEST_ADMIN_PASSWORD", "A password in fly.toml is no secret: fly secrets set CONTEST_ADMIN_PASSWORD=...")
        require(isinstance(value, str), f"[env] {name} has to be a text in quotes.")
    require(env.get("CONTEST_TRUST_PROXY") == "fly", "CONTEST_TRUST_PROXY has to be \"fly\": else everybody has the proxy's address, and cookies are not Secure.")
    return f"{len(env)} settings"


def health_paths(checkout: Checkout) -> str:
    """The checks ask /ready and /health, which the server has and answers without a redirect."""
    fly = checkout.fly
    for name, path in (("http_service.checks", "/ready"), ("checks.live", "/health")):
        found = rows(fly, name)
        require(len(found) == 1, f"There has to be one [[{name}]].")
        require(found[0].get("path") == path and path in checkout.app.public, f"{name} asks {found[0].get('path')!r}: it has to be {path}.")
        require(found[0].get("method") == "GET", f"{name} asks by {found[0].get('method')!r}.")
    require(isinstance(fly["http_service"]["checks"], list), "http_service.checks needs double brackets: with single ones Fly cannot read it.")
    require(fly["checks"]["live"].get("type") == "http", "checks.live is of type http.")
    headers = fly["http_service"]["checks"][0].get("headers")
    require(headers == {"X-Forwarded-Proto": "https"}, "The check of /ready says X-Forwarded-Proto = \"https\", as every request from outside does.")
    return "/ready routes, /health informs"


CHECKS = (known_keys, kill_signal, kill_timeout, durations, strategy, one_volume, concurrency, always_on, machine, env_names, health_paths)

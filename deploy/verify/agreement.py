"""What two files say has to be the same thing: ports, folders, versions, limits, ends."""

import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from deploy.verify.checks import Checkout, Unchecked, require
from deploy.verify.fly import rows, seconds
from deploy.verify.image import environment, told

#: ends which a new start mends (a fault, a failed sync); the other exit codes are somebody's business
MENDED = {70, 74}


def unit(checkout: Checkout) -> dict[str, list[str]]:
    """The [Service] lines of deploy/contest.service and the rest of it, {"User": ["contest"]}."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", checkout.text("deploy/contest.service"), re.M):
        found.setdefault(name, []).append(value)
    return found


def ports(checkout: Checkout) -> str:
    """fly.toml, the Dockerfile, the Caddyfile and the server mean the same ports."""
    fly, image, app = checkout.fly, environment(checkout), checkout.app.settings
    def of(env, name):
        return int(env.get(name, app[name]))
    web, figures = of(fly.get("env", {}), "CONTEST_PORT"), of(fly.get("env", {}), "CONTEST_METRICS_PORT")
    said = {"fly.toml's internal_port": fly.get("http_service", {}).get("internal_port"), "fly.toml's live check": fly.get("checks", {}).get("live", {}).get("port"),
            "the Dockerfile's ENV": of(image, "CONTEST_PORT")}
    for where, port in said.items():
        require(port == web, f"{where} is {port}, the server listens on {web}.")
    require(fly.get("metrics", {}).get("port") == of(image, "CONTEST_METRICS_PORT") == figures != 0, f"fly.toml's metrics port, its CONTEST_METRICS_PORT ({figures}) and the Dockerfile's differ.")
    require(fly["metrics"].get("path") == "/metrics", "The metrics are at /metrics.")
    listens = re.findall(r"^ListenStream=.*?(\d+)$", checkout.text("deploy/contest.socket"), re.M)
    require(listens == [str(app["CONTEST_PORT"])], f"deploy/contest.socket listens on {', '.join(listens)}, the server by itself on {app['CONTEST_PORT']}.")
    exposed = {int(port) for rest in told(checkout, "EXPOSE") for port in rest.split()}
    require(exposed == {web, figures}, f"The Dockerfile exposes {sorted(exposed)}, not {web} and {figures}.")
    behind = re.findall(r"reverse_proxy 127\.0\.0\.1:(\d+)", checkout.text("deploy/Caddyfile"))
    require(behind == [str(app["CONTEST_PORT"])], f"The Caddyfile leads to {behind}, the server listens on {app['CONTEST_PORT']} by default.")
    return f"{web}, metrics {figures}"


def folders(checkout: Checkout) -> str:
    """The contest's folder is one of its own on the volume, the same for fly.toml and the Dockerfile; the unit's is the one it may write."""
    on_fly, in_image = checkout.fly.get("env", {}).get("CONTEST_DATA", ""), environment(checkout).get("CONTEST_DATA", "")
    require(on_fly == in_image, f"fly.toml says {on_fly}, the Dockerfile {in_image}.")
    for mount in rows(checkout.fly, "mounts")[:1]:
        top = PurePosixPath(mount.get("destination", ""))
        require(top in PurePosixPath(on_fly).parents, f"CONTEST_DATA is {on_fly}: it has to be a folder in the volume {top}, where lost+found may stand beside it.")
    lines = unit(checkout)
    owned = [f"CONTEST_DATA=/var/lib/{name}" for name in lines.get("StateDirectory", [])]
    require(owned and owned[0] in lines.get("Environment", []), "The unit's CONTEST_DATA is its StateDirectory: everything else is read-only to it.")
    return on_fly


def versions(checkout: Checkout) -> str:
    """The image's Python is one that the Makefile takes, and every requirement is pinned."""
    least = re.search(r"sys\.version_info < \((\d+), (\d+)\)", checkout.text("Makefile"))
    require(least, "The Makefile does not say which Python it needs.")
    for image in (rest.split()[0] for rest in told(checkout, "FROM")):
        found = re.match(r"python:(\d+)\.(\d+)", image)
        require(found and tuple(map(int, found.groups())) >= tuple(map(int, least.groups())), f"{image} is older than the Python {'.'.join(least.groups())} that is needed.")
    names = [line for line in checkout.text("requirements.txt").splitlines() if line.strip() and not line.startswith("#")]
    loose = [line for line in names if not re.fullmatch(r"[\w.-]+==[\w.]+", line.strip())]
    require(not loose, f"requirements.txt does not pin {', '.join(loose)}.")
    return f"contest.py {checkout.app.version}, {len(names)} pinned"


def public_address(checkout: Checkout) -> str:
    """The address on the QR codes is the one of the app."""
    name, url = checkout.fly.get("app", ""), checkout.fly.get("env", {}).get("CONTEST_PUBLIC_URL", "")
    where = urlsplit(url)
    require(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", name), f"{name!r} is no name of an app.")
    require(where.scheme == "https" and where.netloc and where.path in ("", "/"), f"CONTEST_PUBLIC_URL is {url!r}: it has to be https and end with the host.")
    ours = not where.netloc.endswith(".fly.dev") or where.netloc == f"{name}.fly.dev"
    require(ours, f"CONTEST_PUBLIC_URL is {url}, but the app is {name}: its address is https://{name}.fly.dev.")
    return url


def limits(checkout: Checkout) -> str:
    """The server takes more connections than the platform sends it, and may open enough files for them."""
    hard = checkout.fly.get("http_service", {}).get("concurrency", {}).get("hard_limit", 0)
    most = int(checkout.fly.get("env", {}).get("CONTEST_MAX_CONNECTIONS", checkout.app.settings["CONTEST_MAX_CONNECTIONS"]))
    require(hard < most, f"fly.toml lets {hard} connections through, the server takes {most}.")
    files = int(unit(checkout).get("LimitNOFILE", ["0"])[0])
    wanted = checkout.app.settings["CONTEST_MAX_CONNECTIONS"] + 4000
    require(files >= wanted, f"The unit lets the server open {files} files, {wanted} are wanted.")
    return f"{hard} of {most} connections"


def ends(checkout: Checkout) -> str:
    """systemd starts again what a new start mends and nothing else, and waits longer than the server drains."""
    lines = unit(checkout)
    require(lines.get("Restart") == ["on-failure"], "The unit has Restart=on-failure.")
    kept_down = {int(code) for code in " ".join(lines.get("RestartPreventExitStatus", [])).split()}
    wanted = set(checkout.app.errors.values()) - MENDED
    require(kept_down == wanted, f"RestartPreventExitStatus is {sorted(kept_down)}, the server's ends that no start mends are {sorted(wanted)}.")
    again = set(map(int, re.findall(r"^\s+(\d+)\) ", checkout.text("deploy/serve.sh"), re.M)))
    require(again == MENDED, f"serve.sh starts again after {sorted(again)}, not {sorted(MENDED)}.")
    waits = seconds(lines.get("TimeoutStopSec", [""])[0] + "s")
    require(waits > checkout.app.settings["CONTEST_DRAIN_SECONDS"] + 5, f"TimeoutStopSec is {waits:.0f}, and the server drains for 30 s and then has to save.")
    require(lines.get("KillSignal") == ["SIGTERM"], "The unit has KillSignal=SIGTERM.")
    require(lines.get("ExecReload") == ["/bin/kill -HUP $MAINPID"], "The unit has ExecReload=/bin/kill -HUP $MAINPID, which starts a new version in place.")
    return "no start again after " + ", ".join(map(str, sorted(kept_down)))


def unit_file(checkout: Checkout) -> str:
    """systemd reads the unit without a complaint."""
    if not shutil.which("systemd-analyze"):
        raise Unchecked("systemd is not here.")
    with checkout.scratch() as under:
        there = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/sh", checkout.text("deploy/contest.service"), flags=re.M)
        path = Path(under / "contest.service")
        path.write_text(re.sub(r"^Documentation=.*\n", "", there, flags=re.M))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "contest.service" in line]
    require(not said, "; ".join(said))
    return "no complaint"


def one_hop(checkout: Checkout) -> str:
    """Caddy tells the server who asks by its own header alone."""
    text = re.sub(r"#.*", "", checkout.text("deploy/Caddyfile"))
    require("trusted_proxies" not in text and "header_up" not in text, "The Caddyfile may not pass on what a client says of its address.")
    require("CONTEST_TRUST_PROXY=one-hop" in checkout.text("deploy/Caddyfile"), "The Caddyfile says with which CONTEST_TRUST_PROXY the contest is started.")
    return "one-hop"


def one_machine(checkout: Checkout) -> str:
    """make deploy verifies first, and never makes a second Machine, which would split the contest."""
    makefile = checkout.text("Makefile")
    rule = re.search(r"^deploy:(.*)\n((?:\t.*\n)*)", makefile, re.M)
    require(rule and "verify" in rule[1].split("##")[0].split(), "`make deploy` does not depend on `make verify`.")
    require(re.search(r"fly deploy .*--ha=false", rule[2]), "`make deploy` has to say fly deploy --ha=false.")
    return "--ha=false"


def live_deploy(checkout: Checkout) -> str:
    """What only the platform can show: a deploy, its checks, its one volume."""
    raise Unchecked("It needs an account; docs/deployment.md says what to look at after the first one.")


CHECKS = (ports, folders, versions, public_address, limits, ends, unit_file, one_hop, one_machine)
DEAR = (live_deploy,)

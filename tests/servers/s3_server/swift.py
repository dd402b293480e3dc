"""OpenStack Swift with its S3 API, whole in one process: a proxy, and the three servers that it keeps objects in."""

from pathlib import Path
from typing import Any

import eventlet
import eventlet.wsgi
from swift.account import server as account
from swift.common import storage_policy, utils
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.middleware import bulk, catch_errors, copy, gatekeeper, listing_formats, slo, tempauth
from swift.common.middleware.s3api import s3api
from swift.common.ring import RingBuilder
from swift.container import server as container
from swift.obj import server as obj
from swift.proxy import server as proxy

HOST = "127.0.0.1"
DEVICE = "disk"
PATIENCE = 60
_CONFIG = """
[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
[storage-policy:0]
name = default
default = yes
"""


def listen(port: int = 0) -> Any:
    """A socket of this machine alone, on that port or on any that is free."""
    return eventlet.listen((HOST, port), backlog=1024)


def serve(listener: Any, application: Any) -> None:
    """Answer at a socket, beside all else."""
    eventlet.spawn(
        eventlet.wsgi.server,
        listener,
        application,
        log=utils.NullLogger(),
        log_output=False,
        protocol=SwiftHttpProtocol,
        # The clients look for "ETag", not for "Etag".
        capitalize_response_headers=False,
        url_length_limit=2**16,
    )


def start(folder: Path, access_key: str, secret_key: str, region: str) -> Any:
    """Serve the parts that keep a folder's objects; the application that speaks S3 is returned.

    The access key is `ACCOUNT:USER`, as Swift's own users are.
    """
    etc, disks = folder / "etc", folder / "disks"
    etc.mkdir(parents=True, exist_ok=True)
    (disks / DEVICE).mkdir(parents=True, exist_ok=True)
    (etc / "swift.conf").write_text(_CONFIG)
    utils.set_swift_dir(str(etc))
    storage_policy.reload_storage_policies()

    common = {"swift_dir": str(etc), "log_level": "ERROR"}
    disk = common | {"devices": str(disks), "mount_check": "false", "disable_fallocate": "true"}
    for kind, part in {"account": account, "container": container, "object": obj}.items():
        listener = listen()
        _write_ring(etc / f"{kind}.ring.gz", listener.getsockname()[1])
        serve(listener, part.app_factory(disk))
    patience = {"node_timeout": PATIENCE, "recoverable_node_timeout": PATIENCE, "error_suppression_limit": 10**6}
    application = proxy.Application(common | patience | {"account_autocreate": "true"})
    return _pipeline(
        application,
        slo.filter_factory(common),
        copy.filter_factory(common),
        bulk.filter_factory(common),
        tempauth.filter_factory(common, **{f"user_{access_key.replace(':', '_')}": f"{secret_key} .admin"}),
        s3api.filter_factory(common, location=region),
        listing_formats.filter_factory(common),
        gatekeeper.filter_factory(common),
        catch_errors.filter_factory(common),
    )


def _write_ring(file: Path, port: int) -> None:
    """Swift's map from objects to servers, where there is one; its content does not depend on the port."""
    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
    device = {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": HOST, "port": port, "device": DEVICE, "meta": ""}
    builder.add_dev(device | {"replication_ip": HOST, "replication_port": port})
    builder.rebalance(seed=1)
    builder.get_ring().save(str(file))


def _pipeline(application: Any, *filters: Any) -> Any:
    """The application within the filters, the last outermost, wired as `swift.common.wsgi.loadapp` does it."""
    pipeline = [application]
    for make in filters:
        pipeline.insert(0, make(pipeline[0]))
    for each in pipeline:
        each._pipeline = pipeline
        each._pipeline_final_app = each._pipeline_request_logging_app = application
    return pipeline[0]

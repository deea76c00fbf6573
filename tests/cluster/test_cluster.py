"""The test cluster is one that the other tests may stand on."""

import json
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from local.engine import Engine
from tests.cluster.cluster import Cluster, KubectlError
from tests.cluster.workloads import READY_S, apply, pod_spec, run_job
from tests.waiting import wait_for

SERVER = "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=8000)"


@pytest.fixture
def server(cluster: Cluster, namespace: str, python_image: str) -> str:
    """A pod that answers HTTP requests behind a Service with a NodePort, both of this name."""
    apply(cluster, namespace, "Pod", "server", pod_spec(python_image, SERVER))
    port = {"port": 80, "targetPort": 8000}
    apply(cluster, namespace, "Service", "server", {"type": "NodePort", "selector": {"app": "server"}, "ports": [port]})
    cluster.kubectl("wait", "-n", namespace, "pod/server", "--for=condition=Ready", f"--timeout={READY_S}s")
    return "server"


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_job_runs_to_its_end_and_its_log_can_be_read(cluster: Cluster, namespace: str, python_image: str) -> None:
    assert run_job(cluster, namespace, python_image, "print('héllo')") == "héllo\n"


def test_a_command_runs_in_a_pod(cluster: Cluster, namespace: str, server: str) -> None:
    assert cluster.kubectl("exec", "-n", namespace, server, "--", "echo", "inside") == "inside\n"


@pytest.mark.usefixtures("server")
def test_a_pod_finds_a_service_by_its_name(cluster: Cluster, namespace: str, python_image: str) -> None:
    script = f"""
import socket, urllib.request
print(urllib.request.urlopen("http://server", timeout=10).status)
print(urllib.request.urlopen("http://server.{namespace}.svc:80", timeout=10).status)
print(socket.gethostbyname("kubernetes.default.svc.cluster.local"))
try:
    socket.gethostbyname("nothing.{namespace}.svc")
except socket.gaierror:
    print("absent")
"""
    output = run_job(cluster, namespace, python_image, script).split()
    service = cluster.kubectl("get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}")
    assert output == ["200", "200", service, "absent"]


@pytest.fixture
def host_server(cluster: Cluster) -> Iterator[str]:
    """The URL of a server on this machine, as pods know it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from the host")

    with HTTPServer((cluster.host_address, 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{cluster.host_address}:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_pod_reaches_a_server_on_this_machine(
    cluster: Cluster, namespace: str, python_image: str, host_server: str
) -> None:
    script = f"import urllib.request; print(urllib.request.urlopen('{host_server}', timeout=10).read().decode())"
    assert run_job(cluster, namespace, python_image, script) == "from the host\n"


def test_this_machine_reaches_a_service(cluster: Cluster, namespace: str, server: str) -> None:
    _ = cluster.host_address  # skips on a cluster that is not on this machine
    service = json.loads(cluster.kubectl("get", "-n", namespace, f"service/{server}", "-o", "json"))["spec"]
    wait_for(lambda: answers(f"http://{service['clusterIP']}/"))
    wait_for(lambda: answers(f"http://localhost:{service['ports'][0]['nodePort']}/"))


def test_an_ordinary_user_of_a_pod_may_ask_nothing(cluster: Cluster, namespace: str, python_image: str) -> None:
    script = """
import ssl, urllib.error, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount"
token = open(folder + "/token").read()
request = urllib.request.Request("https://kubernetes.default.svc/api/v1/pods")
request.add_header("Authorization", "Bearer " + token)
try:
    urllib.request.urlopen(request, context=ssl.create_default_context(cafile=folder + "/ca.crt"))
except urllib.error.HTTPError as error:
    print(error.code)
"""
    assert run_job(cluster, namespace, python_image, script) == "403\n"
    account = f"system:serviceaccount:{namespace}:default"
    events = [json.loads(line) for line in cluster.audit_log.read_text().splitlines()]
    asked = [
        (event["verb"], event["objectRef"]["resource"]) for event in events if event["user"]["username"] == account
    ]
    assert asked == [("list", "pods")]


def test_a_restricted_namespace_refuses_a_privileged_pod(cluster: Cluster, namespace: str, python_image: str) -> None:
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    spec = pod_spec(python_image, "")
    spec["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(KubectlError, match="violates PodSecurity"):
        apply(cluster, namespace, "Pod", "privileged", spec)


def test_the_cluster_lives_through_a_crash_of_its_api_server(
    cluster: Cluster, namespace: str, python_image: str
) -> None:
    cluster.part("kube-apiserver").kill()
    with pytest.raises(KubectlError):
        cluster.kubectl("get", "nodes")
    cluster.start("kube-apiserver")
    assert run_job(cluster, namespace, python_image, "print('still here')") == "still here\n"


def test_a_second_node_runs_pods_and_can_be_lost(
    cluster: Cluster, namespace: str, python_image: str, engine: Engine
) -> None:
    with cluster.second_node() as node:
        cluster.load(python_image, engine, node)
        apply(cluster, namespace, "Pod", "far", {**pod_spec(python_image, SERVER), "nodeName": node.name})
        cluster.kubectl("wait", "-n", namespace, "pod/far", "--for=condition=Ready", f"--timeout={READY_S}s")
        far = cluster.kubectl("get", "-n", namespace, "pod/far", "-o", "jsonpath={.status.podIP}")
        script = f"import urllib.request; print(urllib.request.urlopen('http://{far}:8000', timeout=10).status)"
        assert run_job(cluster, namespace, python_image, script) == "200\n"
        cluster.lose(node)
        assert not answers(f"http://{far}:8000")
    assert node.name not in cluster.kubectl("get", "nodes")

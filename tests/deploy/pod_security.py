"""Kubernetes' Pod Security Standards, written out as far as pods of ours could break them.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ (as of 1.35).
"""

from collections.abc import Iterator, Mapping
from typing import Any

BASELINE_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
RESTRICTED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def baseline_violations(pod: Mapping[str, Any]) -> list[str]:
    """What in a pod's spec the baseline profile refuses; nothing where it passes."""
    return [*_pod_baseline(pod), *(v for container in _containers(pod) for v in _container_baseline(container))]


def restricted_violations(pod: Mapping[str, Any]) -> list[str]:
    """What in a pod's spec the restricted profile refuses, which contains the baseline one."""
    found = [f"volume {v['name']}" for v in pod.get("volumes", ()) if not RESTRICTED_VOLUMES & v.keys()]
    for container in _containers(pod):
        found += container_violations(container, pod.get("securityContext", {}))
    return [*baseline_violations(pod), *found]


def container_violations(container: Mapping[str, Any], pod_context: Mapping[str, Any]) -> list[str]:
    """What the restricted profile refuses in one container, whose pod has this securityContext."""
    own = container.get("securityContext", {})
    context = {**pod_context, **own}
    capabilities = own.get("capabilities", {})
    wanted = {
        "runAsNonRoot": context.get("runAsNonRoot") is True,
        "runAsUser": context.get("runAsUser") != 0,
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
        "capabilities.drop": "ALL" in capabilities.get("drop", ()),
        "capabilities.add": set(capabilities.get("add", ())) <= {"NET_BIND_SERVICE"},
        "seccompProfile": context.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"),
    }
    return [f"{container['name']}: {name}" for name, passes in wanted.items() if not passes]


def _containers(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", ()), *pod["containers"], *pod.get("ephemeralContainers", ())]


def _pod_baseline(pod: Mapping[str, Any]) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield field
    for volume in pod.get("volumes", ()):
        if "hostPath" in volume:
            yield f"volume {volume['name']}"
    if pod.get("securityContext", {}).get("sysctls"):
        yield "sysctls"
    yield from _unconfined("pod", pod.get("securityContext", {}))


def _container_baseline(container: Mapping[str, Any]) -> Iterator[str]:
    name, context = container["name"], container.get("securityContext", {})
    if context.get("privileged"):
        yield f"{name}: privileged"
    if not set(context.get("capabilities", {}).get("add", ())) <= BASELINE_CAPABILITIES:
        yield f"{name}: capabilities.add"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield f"{name}: hostPort"
    if context.get("procMount", "Default") != "Default":
        yield f"{name}: procMount"
    handlers = [container.get(probe, {}) for probe in PROBES] + list(container.get("lifecycle", {}).values())
    if any("host" in handler.get(action, {}) for handler in handlers for action in ("httpGet", "tcpSocket")):
        yield f"{name}: a probe's host"
    yield from _unconfined(name, context)


def _unconfined(name: str, context: Mapping[str, Any]) -> Iterator[str]:
    for field in ("seccompProfile", "appArmorProfile"):
        if context.get(field, {}).get("type") == "Unconfined":
            yield f"{name}: {field}"
    if context.get("seLinuxOptions", {}).keys() & {"user", "role"}:
        yield f"{name}: seLinuxOptions"

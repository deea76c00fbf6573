# The coordinator's image. `make deps build` collects its libraries into build/coordinator-site first, so that
# this build needs no package index: docker build -t TAG .
ARG BASE=python:3.13-slim
FROM ${BASE}
# Python's own image has no bytecode of the standard library: each program would compile what it imports anew.
RUN python3 -m compileall -q -j 2 --invalidation-mode unchecked-hash \
    -x '/(ensurepip|idlelib|site-packages|test|tkinter|turtledemo)/' \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
RUN echo 'kontinuous:x:65532:65532::/tmp:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'kontinuous:x:65532:' >> /etc/group
COPY build/coordinator-site/ /opt/kontinuous/
RUN python3 -m compileall -q -j 2 --invalidation-mode unchecked-hash /opt/kontinuous
COPY shared/ /opt/kontinuous/shared/
COPY coordinator/ /opt/kontinuous/coordinator/
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/kontinuous/shared /opt/kontinuous/coordinator
ENV PYTHONPATH=/opt/kontinuous \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    HOME=/tmp
WORKDIR /tmp
USER 65532:65532
EXPOSE 3005
ENTRYPOINT ["python3", "-m", "coordinator"]

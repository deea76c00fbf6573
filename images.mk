# The images. What each is made of stands in local/recipes.py; here are only the targets.
# TAG also tags the result: `make image-command TAG=1.0` gives kontinuous/command:1.0 beside the tag by content.
STAGE_IMAGES := base command docker_build docker_publish program
SERVICE_IMAGES := etcd registry s3 git
CLUSTER_IMAGES := builder coordinator
TAG ?=
REGISTRY ?=

.PHONY: images push $(addprefix image-,$(STAGE_IMAGES) $(SERVICE_IMAGES) $(CLUSTER_IMAGES))

images: deps ## Build every image, also those that only a cluster uses (TAG=name tags them too)
	$(BIN)/python -m local.images $(if $(TAG),--tag $(TAG))

$(addprefix image-,$(STAGE_IMAGES) $(SERVICE_IMAGES) $(CLUSTER_IMAGES)): image-%: deps
	$(BIN)/python -m local.images $* $(if $(TAG),--tag $(TAG))

push: deps ## Push the images of a cluster to REGISTRY=host/path, and print the lines for a kustomization (TAG=name)
	@test -n "$(REGISTRY)" || { echo "say where to: make push REGISTRY=quay.io/acme" >&2; exit 2; }
	@$(BIN)/python -m local.image_push $(REGISTRY) $(if $(TAG),--tag $(TAG))

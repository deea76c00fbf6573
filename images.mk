# The images. What each is made of stands in local/recipes.py; here are only the targets.
# TAG also tags the result: `make image-command TAG=1.0` gives kontinuous/command:1.0 beside the tag by content.
STAGE_IMAGES := base command docker_build docker_publish
SERVICE_IMAGES := etcd registry s3 git
TAG ?=
COORDINATOR_TAG ?= kontinuous/coordinator:$(or $(TAG),latest)

.PHONY: images image-coordinator $(addprefix image-,$(STAGE_IMAGES) $(SERVICE_IMAGES))

images: deps ## Build every image that the one-machine mode uses (TAG=name tags them too)
	$(BIN)/python -m local.images $(if $(TAG),--tag $(TAG))

$(addprefix image-,$(STAGE_IMAGES) $(SERVICE_IMAGES)): image-%: deps
	$(BIN)/python -m local.images $* $(if $(TAG),--tag $(TAG))

image-coordinator: build ## Build the coordinator's image (needs the docker command)
	docker build -t $(COORDINATOR_TAG) .

"""Apps, images, source mounts, functions: what a deployment creates, and how it is looked up."""

import hashlib
import time
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as pb

from tests.modal_loopback.core import EMPTY, Core
from tests.modal_loopback.state import Deployment

BUILDER = "2025.06"


class Deployments(Core):
    """The control plane of `app.deploy` and `Cls.from_name`."""

    async def ClientHello(self, _: Any) -> pb.ClientHelloResponse:
        return pb.ClientHelloResponse(image_builder_version=BUILDER)

    async def EnvironmentGetOrCreate(self, request: Any) -> pb.EnvironmentGetOrCreateResponse:
        settings = pb.EnvironmentSettings(image_builder_version=BUILDER)
        metadata = pb.EnvironmentMetadata(name=request.deployment_name or "main", settings=settings)
        return pb.EnvironmentGetOrCreateResponse(environment_id="en-main", metadata=metadata)

    async def AppGetByDeploymentName(self, request: Any) -> pb.AppGetByDeploymentNameResponse:
        return pb.AppGetByDeploymentNameResponse(
            app_id=self.deployed.get(request.name, ""), environment_name="main"
        )

    async def AppGetOrCreate(self, request: Any) -> pb.AppGetOrCreateResponse:
        app_id = self.deployed.get(request.app_name)
        if app_id is None:
            raise GRPCError(Status.NOT_FOUND, f"App {request.app_name!r} not found")
        return pb.AppGetOrCreateResponse(app_id=app_id)

    async def AppCreate(self, request: Any) -> pb.AppCreateResponse:
        app_id = self.new_id("ap")
        self.apps[app_id] = Deployment(request.description)
        return pb.AppCreateResponse(app_id=app_id, app_page_url=self.url, app_logs_url=self.url)

    async def SecretGetOrCreate(self, request: Any) -> pb.SecretGetOrCreateResponse:
        secret_id = self.new_id("st")
        self.secrets[secret_id] = dict(request.env_dict)
        return pb.SecretGetOrCreateResponse(secret_id=secret_id)

    async def AppHeartbeat(self, _: Any) -> Any:
        return EMPTY

    async def AppClientDisconnect(self, _: Any) -> Any:
        return EMPTY

    async def AppStop(self, request: Any) -> Any:
        self.deployed = {k: v for k, v in self.deployed.items() if v != request.app_id}
        for container in self.containers.values():
            container.replaced = True
        return EMPTY

    async def AppGetLayout(self, request: Any) -> pb.AppGetLayoutResponse:
        return pb.AppGetLayoutResponse(app_layout=self.layout(request.app_id))

    async def AppPublish(self, request: Any) -> pb.AppPublishResponse:
        app = self.apps[request.app_id]
        app.functions, app.classes = dict(request.function_ids), dict(request.class_ids)
        self.deployed[request.name] = request.app_id
        return pb.AppPublishResponse(url=f"{self.url}/{request.name}", deployed_at=time.time())

    def layout(self, app_id: str) -> pb.AppLayout:
        app = self.apps[app_id]
        layout = pb.AppLayout(function_ids=app.functions, class_ids=app.classes)
        for function_id in app.functions.values():
            handle = self.handles[function_id]
            layout.objects.append(pb.Object(object_id=function_id, function_handle_metadata=handle))
        for class_id in app.classes.values():
            handle = pb.ClassHandleMetadata()
            layout.objects.append(pb.Object(object_id=class_id, class_handle_metadata=handle))
        layout.objects.extend(pb.Object(object_id=one) for one in (*self.images, *self.secrets))
        for volume_id, name in self.volumes.items():
            metadata = pb.VolumeMetadata(version=pb.VOLUME_FS_VERSION_V2, name=name)
            layout.objects.append(pb.Object(object_id=volume_id, volume_metadata=metadata))
        return layout

    async def MountBatchedCheckExistence(
        self, request: Any
    ) -> pb.MountBatchedCheckExistenceResponse:
        missing = [sha for sha in request.sha256_hex_hashes if sha not in self.files]
        return pb.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    async def MountPutFile(self, request: Any) -> pb.MountPutFileResponse:
        if request.WhichOneof("data_oneof"):
            blob_id = request.data_blob_id
            self.files[request.sha256_hex] = self.blobs[blob_id] if blob_id else request.data
        return pb.MountPutFileResponse(exists=request.sha256_hex in self.files)

    async def MountGetOrCreate(self, request: Any) -> pb.MountGetOrCreateResponse:
        mount_id = self.new_id("mo")
        self.mounts[mount_id] = list(request.files)
        content = "".join(file.sha256_hex for file in request.files).encode()
        metadata = pb.MountHandleMetadata(
            content_checksum_sha256_hex=hashlib.sha256(content).hexdigest()
        )
        return pb.MountGetOrCreateResponse(mount_id=mount_id, handle_metadata=metadata)

    async def ImageGetOrCreate(self, request: Any) -> pb.ImageGetOrCreateResponse:
        known = [image_id for image_id, image in self.images.items() if image == request.image]
        image_id = known[0] if known else self.new_id("im")
        self.images[image_id] = request.image
        return pb.ImageGetOrCreateResponse(
            image_id=image_id,
            result=pb.GenericResult(status=pb.GenericResult.GENERIC_STATUS_SUCCESS),
            metadata=pb.ImageMetadata(image_builder_version=BUILDER),
        )

    async def FunctionPrecreate(self, request: Any) -> pb.FunctionPrecreateResponse:
        function_id = request.existing_function_id or self.new_id("fu")
        handle = self._handle(request, request.app_id, function_id)
        self.handles[function_id] = handle
        return pb.FunctionPrecreateResponse(function_id=function_id, handle_metadata=handle)

    async def FunctionCreate(self, request: Any) -> pb.FunctionCreateResponse:
        function = pb.Function()
        if request.HasField("function_data"):
            # Several GPU types are ranked; the first one is had here.
            function.CopyFrom(request.function_data.ranked_functions[0].function)
        else:
            function.CopyFrom(request.function)
        function_id = request.existing_function_id or self.new_id("fu")
        self.functions[function_id] = function
        self.app_of[function_id] = request.app_id
        self.handles[function_id] = self._handle(function, request.app_id, function_id)
        self.apps[request.app_id].functions[function.function_name] = function_id
        for container in self.containers.values():
            # A new deployment takes the place of what runs.
            container.replaced |= container.function_id.partition("+")[0] == function_id
        self.described[function_id] = _described(request, function)
        return pb.FunctionCreateResponse(
            function_id=function_id,
            function=function,
            handle_metadata=self.handles[function_id],
            function_data=self.described[function_id],
        )

    def _handle(self, function: Any, app_id: str, function_id: str) -> pb.FunctionHandleMetadata:
        plane = {"input_plane_url": self.url, "input_plane_region": "local"}
        plane = plane if self.input_plane else {}
        handle = pb.FunctionHandleMetadata(
            function_name=function.function_name,
            function_type=function.function_type,
            app_id=app_id,
            definition_id=f"de-{function_id}",
            supported_input_formats=function.supported_input_formats,
            supported_output_formats=function.supported_output_formats,
            **plane,
        )
        if hasattr(function, "class_parameter_info"):
            handle.class_parameter_info.CopyFrom(function.class_parameter_info)
        for name, method in function.method_definitions.items():
            handle.method_handle_metadata[name].CopyFrom(
                pb.FunctionHandleMetadata(
                    function_name=method.function_name,
                    function_type=method.function_type,
                    is_method=True,
                    use_method_name=name,
                    app_id=app_id,
                    function_schema=method.function_schema,
                    supported_input_formats=method.supported_input_formats,
                    supported_output_formats=method.supported_output_formats,
                    **plane,
                )
            )
        return handle

    async def ClassCreate(self, request: Any) -> pb.ClassCreateResponse:
        return pb.ClassCreateResponse(class_id=request.existing_class_id or self.new_id("cs"))

    async def ClassGet(self, request: Any) -> pb.ClassGetResponse:
        classes = self._app(request.app_name).classes
        if request.object_tag not in classes:
            raise GRPCError(Status.NOT_FOUND, f"{request.object_tag!r} not found")
        return pb.ClassGetResponse(class_id=classes[request.object_tag])

    async def FunctionGet(self, request: Any) -> pb.FunctionGetResponse:
        function_id = self._app(request.app_name).functions.get(request.object_tag)
        if function_id is None:
            raise GRPCError(Status.NOT_FOUND, f"{request.object_tag!r} not found")
        return pb.FunctionGetResponse(
            function_id=function_id,
            handle_metadata=self.handles[function_id],
            function=self.described[function_id],
        )

    def _app(self, name: str) -> Deployment:
        if name not in self.deployed:
            raise GRPCError(Status.NOT_FOUND, f"App {name!r} not found in environment 'main'")
        return self.apps[self.deployed[name]]

    async def FunctionBindParams(self, request: Any) -> pb.FunctionBindParamsResponse:
        content = request.SerializeToString(deterministic=True)
        bound = f"{request.function_id}+{hashlib.sha256(content).hexdigest()[:8]}"
        self.functions[bound] = self.functions[request.function_id]
        self.app_of[bound] = self.app_of[request.function_id]
        self.params[bound] = request.serialized_params
        self.handles[bound] = self.handles[request.function_id]
        return pb.FunctionBindParamsResponse(
            bound_function_id=bound, handle_metadata=self.handles[bound]
        )

    async def FunctionGetCurrentStats(self, request: Any) -> pb.FunctionStats:
        function_id = request.function_id
        alive = [c for c in self.containers.values() if c.function_id == function_id and c.alive]
        running = [
            call
            for call in self.calls.values()
            if call.function_id == function_id and call.task_id and not call.done.is_set()
        ]
        return pb.FunctionStats(
            backlog=self.queues[function_id].qsize(),
            num_total_tasks=len(alive),
            num_running_inputs=len(running),
        )


def _described(request: Any, function: pb.Function) -> pb.FunctionData:
    if request.HasField("function_data"):
        return request.function_data
    return pb.FunctionData(
        module_name=function.module_name,
        function_name=function.function_name,
        function_type=function.function_type,
        timeout_secs=function.timeout_secs,
        is_class=function.is_class,
        method_definitions=function.method_definitions,
        ranked_functions=[pb.FunctionData.RankedFunction(rank=0, function=function)],
    )

// A script of its own, loaded only where a graph is to run on the graphics card.
export { env, InferenceSession, Tensor } from 'onnxruntime-web/jspi';
/*! Bundled: onnxruntime-web, Copyright Microsoft Corporation, MIT License,
   https://github.com/microsoft/onnxruntime/blob/main/LICENSE */

export { type EnsureImageOptions, type EnsuredImage, ensureImage } from './ensure-image.js';
export { IMAGE_NAME, PROTOCOL_LABEL, isRuntimeImage } from './image-identity.js';

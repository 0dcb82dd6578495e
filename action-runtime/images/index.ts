export { type EnsureImageOptions, type EnsuredImage, ensureImage } from './ensure-image.js';
export { IMAGE_NAME } from './image-identity.js';

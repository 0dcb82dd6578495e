export { compileComposition } from './compile.js';
export { CompileError } from './error.js';
export { recogniseComposition } from './recognise.js';

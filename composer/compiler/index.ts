export { compileComposition } from './compile.js';
export { CompileError } from './ast.js';
export { recogniseComposition } from './recognise.js';

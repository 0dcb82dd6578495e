export { WorkflowCompiler } from './workflow-compiler.js';

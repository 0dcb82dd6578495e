export type {
  ActionNode,
  Edge,
  ForkNode,
  FunctionNode,
  GateNode,
  GatherNode,
  Graph,
  GraphNode,
  InputType,
  JoinNode,
  LetNode,
  LiteralNode,
  MaskNode,
  NormNode,
  OperatorNode,
  OutputType,
  RetainNode,
  ScatterNode,
  ScopeNode,
  StripNode,
  SwitchNode,
} from './types.js';
export { USER, inputPorts, outputPorts, splitEndpoint } from './ports.js';
export { GraphError, type GraphErrorCode } from './error.js';
export { validateGraph } from './validate.js';
export { MAX_EDGES, MAX_NODES } from './schema.js';
export { scopes, type Scopes } from './scopes.js';
export { canonicalText, graphDigest } from './canonical.js';
export { compileSequence } from './sequence.js';
export { drawText } from './draw-text.js';
export { drawMermaid } from './draw-mermaid.js';

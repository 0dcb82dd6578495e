export type {
  ActionNode, Edge, ForkNode, FunctionNode, GateNode, GatherNode, Graph, GraphNode, InputType, JoinNode, LetNode, LiteralNode,
  MaskNode, NormNode, OperatorNode, OutputType, RetainNode, ScatterNode, ScopeNode, StripNode, SwitchNode,
} from './types.js';
export { USER, inputPorts, outputPorts, splitEndpoint } from './ports.js';

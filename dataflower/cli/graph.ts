import { drawMermaid, drawText } from '@dataflower/composer/graph';
import { Command } from 'commander';
import type { Terminal } from './outcome.js';
import { readWorkflow } from './workflow-file.js';

interface Options {
  readonly mermaid?: true;
  readonly json?: true;
}

export function graphCommand(terminal: Terminal): Command {
  return new Command('graph')
    .description('Print the graph that a workflow compiles to.')
    .argument('<file>', 'a composition (.js, .json) or a graph (.graph.json)')
    .option('--mermaid', 'as a Mermaid flow chart')
    .option('--json', 'as JSON')
    .action(async (file: string, options: Options) => {
      const { graph, digest } = await readWorkflow(file, terminal);
      if (options.json) terminal.out(JSON.stringify({ digest, graph }));
      else if (options.mermaid) terminal.out(drawMermaid(graph).trimEnd());
      else terminal.out(`graph ${digest.slice(0, 12)}\n${drawText(graph).trimEnd()}`);
    });
}

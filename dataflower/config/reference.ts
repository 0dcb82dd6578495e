import { leaves } from './leaves.js';

const HEAD = `# Configuration

Generated from the configuration's schema; do not edit.

\`dataflower standalone --config dataflower.yaml\` reads a YAML file; each key can also be set by the environment variable
named here, which wins over the file; command line flags win over both. A wrong key or value is refused at start: all
problems at once, each with its path, what was expected and what was found.

\`\`\`yaml
# OpenWhisk's own throttles instead of ours
throttles:
  invocationsPerMinute: 60
  concurrentInvocations: 30
\`\`\`
`;

/** The reference page, as Markdown. */
export function referencePage(): string {
  const parts = [HEAD];
  let section = '';
  for (const leaf of leaves()) {
    const [first] = leaf.path;
    const heading = leaf.path.length > 1 ? `\`${first!}\`` : 'Top level';
    if (heading !== section) parts.push(`## ${heading}\n`);
    section = heading;
    const value =
      leaf.fallback === undefined ? (leaf.meta.defaultText ?? 'none') : `\`${JSON.stringify(leaf.fallback)}\``;
    parts.push(
      `### \`${leaf.path.join('.')}\`\n`,
      `${leaf.meta.about}\n`,
      `- Value: ${leaf.meta.expected}. Default: ${value}. Environment: \`${leaf.variable}\`.`,
      `- ${leaf.meta.whenToChange}\n`,
    );
  }
  return parts.join('\n');
}

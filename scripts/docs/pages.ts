// The generated pages, as text: one page a module's directives, an index of all, the limits, the strictness. Touches no file.
import type { Limit } from '../../src/base/limits.ts';
import type { Directive } from '../../src/config/directive.ts';
import { DIFFERENCES, STRICT_ANSWERS, STRICT_LINES, STRICT_REQUESTS, type StrictCase } from './strictness.ts';

export interface DocumentedModule {
  /** "http-map" */
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: directives of many value types
  readonly directives: readonly Directive<any>[];
  readonly variables?: readonly { readonly name: string; readonly prefix?: boolean }[];
}

const GENERATED = '<!-- Written by `npm run docs` from the source; edit it there. -->';

/** Path under docs/ → text. */
export function generatedPages(
  modules: readonly DocumentedModule[],
  limits: readonly Limit[],
): ReadonlyMap<string, string> {
  const pages = new Map<string, string>();
  const documented = modules.filter(
    (module) => module.directives.some((each) => !each.unsupported) || (module.variables ?? []).length > 0,
  );
  for (const module of documented) pages.set(`directives/${module.name}.md`, modulePage(module));
  pages.set('directives/README.md', indexPage(modules));
  pages.set('limits.md', limitsPage(limits));
  pages.set('strictness.md', strictnessPage());
  return pages;
}

function modulePage({ name, directives, variables = [] }: DocumentedModule): string {
  const ours = byName(directives.filter((each) => !each.unsupported));
  const names = variables.map((variable) => `\`$${variable.name}${variable.prefix ? '…' : ''}\``);
  return page([
    `# ${name}`,
    GENERATED,
    '[all directives](README.md)',
    ...ours.flatMap(directiveSection),
    ...(names.length > 0 ? ['## Variables', [...new Set(names)].sort().join(' ')] : []),
  ]);
}

function directiveSection(each: Directive<unknown>): string[] {
  const facts = [
    `| stands in | ${each.contexts.join(', ')} |`,
    `| arguments | ${arguments_(each)} |`,
    `| default | ${each.defaultText === undefined ? 'none' : code(each.defaultText)} |`,
    `| inherited | ${each.inherit === 'none' ? 'no' : 'yes, unless the block has its own'} |`,
    ...(each.repeat ? ['| repeated | may stand several times in a block |'] : []),
    ...(each.origin === 'holdfast' ? ["| origin | Holdfast's own; nginx does not know it |"] : []),
  ];
  return [
    `## ${each.name}`,
    ...(each.noEffect === undefined ? [] : [`Accepted; has no effect ${because(each.noEffect)}`]),
    each.noEffect === undefined ? each.doc : `In nginx: ${each.doc}`,
    ['| | |', '| --- | --- |', ...facts].join('\n'),
    `\`\`\`nginx\n${each.example.trim()}\n\`\`\``,
    ...refusals(each),
  ];
}

function refusals({ refuses }: Directive<unknown>): string[] {
  const rows = Object.entries(refuses).map(([text, message]) => `- ${code(text)} ${code(message)}`);
  return rows.length === 0 ? [] : [['Refused:', '', ...rows].join('\n')];
}

function indexPage(modules: readonly DocumentedModule[]): string {
  const rows = modules.flatMap(({ name, directives }) =>
    directives.map((each) => ({ each, link: `[${each.name}](${name}.md#${each.name})` })),
  );
  const supported = rows.filter(({ each }) => !each.unsupported).sort((a, b) => order(a.each, b.each));
  const refused = byName(rows.map(({ each }) => each).filter((each) => each.unsupported));
  return page([
    '# Directives',
    GENERATED,
    `${new Set(supported.map(({ each }) => each.name)).size} directives are supported, and \`include\`, which stands anywhere and takes a file or a pattern of files.`,
    [
      '| directive | stands in | default |',
      '| --- | --- | --- |',
      ...supported.map(
        ({ each, link }) =>
          `| ${link}${each.noEffect === undefined ? '' : ' (no effect)'} | ${each.contexts.join(', ')} | ${each.defaultText === undefined ? '' : code(each.defaultText)} |`,
      ),
    ].join('\n'),
    '## Known to nginx, not to Holdfast',
    'The use of one of these is an error that says so.',
    refused.map(({ name }) => code(name)).join(' ') || 'None.',
  ]);
}

function limitsPage(limits: readonly Limit[]): string {
  const unit = { bytes: ' B', ms: ' ms', count: '' } as const;
  return page([
    '# Limits',
    GENERATED,
    'Every bound that no directive sets, and what happens there.',
    [
      '| limit | value | at the limit |',
      '| --- | --- | --- |',
      ...[...limits]
        .sort((a, b) => a.name.localeCompare(b.name))
        .map((limit) => `| ${code(limit.name)} | ${limit.value}${unit[limit.unit]} | ${cell(limit.then)} |`),
    ].join('\n'),
  ]);
}

/** Each has its test beside src/proxy/. */
const KINDNESSES: readonly string[] = [
  'A client that half-closes still has all of an answer that its peer has given whole. nginx ends the answer where it stands.',
  'A tunnel keeps half-closes: what the other side still sends goes on. nginx closes both sides when one of them has ended.',
  'A peer that answers before it has the whole request is sent the rest of a body that is stored. nginx sends it no more of it.',
  'A body that is streamed (`proxy_request_buffering off`) and of which no peer has had a byte may go to the next peer. nginx asks no other once a request has been sent.',
];

function strictnessPage(): string {
  return page([
    '# Where Holdfast is stricter than nginx, and where it is kinder',
    GENERATED,
    'Each row of the first two tables is sent by a test, to Holdfast and, when the tests are run against it, to nginx 1.31.5. What both refuse (`Content-Length` with `Transfer-Encoding`, a folded line, a bare CR or a NUL inside a value, a bare LF in chunk framing, two Host lines …) is not listed. Why this is so: [decision 0007](decisions/0007-refuse-what-two-servers-read-differently.md).',
    '## Requests',
    strictTable(STRICT_REQUESTS),
    '## Answers of peers',
    strictTable(STRICT_ANSWERS),
    '## Configurations',
    'nginx starts with each of these lines.',
    [
      '| line | Holdfast | why |',
      '| --- | --- | --- |',
      ...STRICT_LINES.map(({ line, refusal, why }) => `| ${code(line)} | ${code(refusal)} | ${cell(why)} |`),
    ].join('\n'),
    '## Differences that are no refusals',
    'Where nginx does by accident what no file asks for, or what an RFC rules out.',
    [
      '| what | nginx | Holdfast | why |',
      '| --- | --- | --- | --- |',
      ...DIFFERENCES.map(
        ({ what, nginx, holdfast, why }) =>
          `| ${cell(what)} | ${cell(nginx)} | ${cell(holdfast)} | ${cell(why)} |`,
      ),
    ].join('\n'),
    '## Never in a head',
    'A CR, an LF or a NUL that a variable holds (`$uri` of `/a%0d%0aX:1`) is written as a space wherever it would stand in a head: `add_header`, `proxy_set_header`, `return 302`. nginx writes it as it is.',
    '## Left out of an answer',
    'A header of a peer that its `Connection` names ends at this hop (RFC 9110, 7.6.1). nginx passes it on.',
    '## Where it is kinder',
    KINDNESSES.map((each) => `- ${each}`).join('\n'),
  ]);
}

function strictTable(rows: readonly StrictCase[]): string {
  return [
    '| message | nginx | Holdfast | why |',
    '| --- | --- | --- | --- |',
    ...rows.map(
      (row) => `| ${cell(row.what)} | ${row.nginx || 'passes it on'} | ${row.holdfast} | ${cell(row.why)} |`,
    ),
  ].join('\n');
}

/** A table of moves as a Mermaid state diagram. */
export function movesDiagram(moves: Readonly<Record<string, readonly string[]>>): string {
  const lines = Object.entries(moves).flatMap(([from, targets]) =>
    targets.map((to) => `  ${from} --> ${to}`),
  );
  return [
    '```mermaid',
    'stateDiagram-v2',
    '  direction LR',
    '  [*] --> route',
    ...lines,
    '  log --> [*]',
    '```',
  ].join('\n');
}

/** `text` with what stands between `<!-- name -->` and `<!-- /name -->` replaced. */
export function withSection(text: string, name: string, section: string): string {
  const begin = `<!-- ${name} -->`;
  const end = `<!-- /${name} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the markers ${begin} and ${end} are missing`);
  return `${text.slice(0, from + begin.length)}\n${section}\n${text.slice(to)}`;
}

function arguments_({ arity: [least, most], opens }: Directive<unknown>): string {
  const block = opens === undefined ? '' : ' and a block';
  if (least === most) return `${least === 0 ? 'none' : least}${block}`;
  return `${least} ${Number.isFinite(most) ? `to ${most}` : 'or more'}${block}`;
}

function because(text: string): string {
  const reason = text.replace(/^(…\s*)?(because\s+)?/, '');
  return `because ${reason}${reason.endsWith('.') ? '' : '.'}`;
}

function byName<T extends { readonly name: string }>(list: readonly T[]): readonly T[] {
  return [...list].sort((a, b) => a.name.localeCompare(b.name));
}

function order(a: Directive<unknown>, b: Directive<unknown>): number {
  return a.name.localeCompare(b.name) || a.contexts.join().localeCompare(b.contexts.join());
}

function code(text: string): string {
  const fence = text.includes('`') ? '``' : '`';
  return text === '' ? "`''`" : cell(`${fence}${text}${fence}`);
}

/** A `|` would end the cell, a line break the row. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
}

function page(parts: readonly string[]): string {
  return `${parts.join('\n\n')}\n`;
}

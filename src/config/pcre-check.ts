// Where a PCRE pattern and its JavaScript twin would part: refused when what matches would differ, named when only the captures
// of some subjects would. Reads the tree of pcre-parse.ts.
import { PatternError, refused } from './pcre-error.ts';
import type { ParsedPattern, PatternNode } from './pcre-parse.ts';

export const SKIPPED_CAPTURE =
  'a group in a repetition that some rounds skip: PCRE keeps its text of an earlier round, here it is empty';
export const EMPTY_ROUND =
  'a repetition of what may match nothing: PCRE and Holdfast may leave other text in its captures';

/** Sentences for the start to show; throws PatternError. */
export function checkMeaning({ root, groupCount }: ParsedPattern): readonly string[] {
  checkReferences(root, new Set());
  checkLooks(root);
  const caveats = new Set<string>();
  if (groupCount > 0) noteRepetitions(root, caveats);
  return [...caveats];
}

/** The groups within. */
export function groupsIn(node: PatternNode): readonly number[] {
  switch (node.kind) {
    case 'sequence':
      return node.items.flatMap(groupsIn);
    case 'choice':
      return node.branches.flatMap(groupsIn);
    case 'group':
      return [node.index, ...groupsIn(node.body)];
    case 'repeat':
    case 'look':
      return groupsIn(node.body);
    default:
      return [];
  }
}

/**
 * The groups that are set once `node` has matched, given those set before. A reference to a group that may be unset fails in PCRE
 * and matches nothing in JavaScript, where a repetition also forgets its groups at each round.
 */
function checkReferences(node: PatternNode, before: ReadonlySet<number>): ReadonlySet<number> {
  switch (node.kind) {
    case 'sequence':
      return node.items.reduce((known, item) => checkReferences(item, known), before);
    case 'choice': {
      const after = node.branches.map((branch) => checkReferences(branch, before));
      const [first = before, ...others] = after;
      return new Set([...first].filter((index) => others.every((known) => known.has(index))));
    }
    case 'group':
      return new Set(checkReferences(node.body, before)).add(node.index);
    case 'repeat': {
      const inside = groupsIn(node.body);
      const outer = new Set([...before].filter((index) => !inside.includes(index)));
      const after = checkReferences(node.body, outer);
      return node.min > 0 ? after : before;
    }
    case 'look': {
      const after = checkReferences(node.body, node.ahead ? before : new Set());
      return node.negative ? before : new Set([...before, ...after]);
    }
    case 'reference':
      if (!before.has(node.index)) {
        throw refused('a back-reference to a group that may be unset', node.offset);
      }
      return before;
    default:
      return before;
  }
}

/** Look-behind has a fixed length, or is a choice of such: as PCRE2 10.42. */
function checkLooks(node: PatternNode): void {
  if (node.kind === 'look' && !node.ahead) {
    const branches = node.body.kind === 'choice' ? node.body.branches : [node.body];
    if (branches.some((branch) => lengthOf(branch) === undefined)) {
      throw new PatternError('lookbehind assertion is not fixed length', node.offset);
    }
  }
  for (const child of childrenOf(node)) checkLooks(child);
}

function lengthOf(node: PatternNode): number | undefined {
  switch (node.kind) {
    case 'set':
      return 1;
    case 'look':
      return 0;
    case 'assertion':
      return node.what === 'newline' ? undefined : 0;
    case 'reference':
      return undefined;
    case 'group':
      return lengthOf(node.body);
    case 'repeat': {
      const length = lengthOf(node.body);
      return length !== undefined && node.min === node.max ? length * node.min : undefined;
    }
    case 'sequence': {
      const lengths = node.items.map(lengthOf);
      return lengths.reduce<number | undefined>(
        (sum, length) => (sum === undefined || length === undefined ? undefined : sum + length),
        0,
      );
    }
    case 'choice': {
      const [first, ...others] = node.branches.map(lengthOf);
      return others.every((length) => length === first) ? first : undefined;
    }
  }
}

function noteRepetitions(node: PatternNode, caveats: Set<string>): void {
  if (node.kind === 'repeat' && node.max > 1) {
    const set = checkReferences(node.body, new Set(groupsBefore(node.body)));
    if (groupsIn(node.body).some((index) => !set.has(index))) caveats.add(SKIPPED_CAPTURE);
    if (mayBeEmpty(node.body)) caveats.add(EMPTY_ROUND);
  }
  for (const child of childrenOf(node)) noteRepetitions(child, caveats);
}

/** Stands for whatever a reference in `node` may name outside: they have been checked by now. */
function groupsBefore(node: PatternNode): readonly number[] {
  const inside = groupsIn(node);
  return referencesIn(node).filter((index) => !inside.includes(index));
}

function referencesIn(node: PatternNode): readonly number[] {
  return node.kind === 'reference' ? [node.index] : childrenOf(node).flatMap(referencesIn);
}

export function mayBeEmpty(node: PatternNode): boolean {
  switch (node.kind) {
    case 'set':
      return false;
    case 'sequence':
      return node.items.every(mayBeEmpty);
    case 'choice':
      return node.branches.some(mayBeEmpty);
    case 'group':
      return mayBeEmpty(node.body);
    case 'repeat':
      return node.min === 0 || mayBeEmpty(node.body);
    case 'assertion':
      return node.what !== 'newline';
    default:
      return true;
  }
}

export function childrenOf(node: PatternNode): readonly PatternNode[] {
  switch (node.kind) {
    case 'sequence':
      return node.items;
    case 'choice':
      return node.branches;
    case 'group':
    case 'repeat':
    case 'look':
      return [node.body];
    default:
      return [];
  }
}

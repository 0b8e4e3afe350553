import { describe, expect, it } from 'vitest';
import { ConfigError } from './config-error.ts';
import { memoryFiles } from './files.ts';
import { COMMAND_LINE } from './position.ts';
import { inReadingOrder } from './reading-order.ts';
import { parseConfig } from './tree.ts';

describe('mistakes stand in the order of reading', () => {
  const { sources } = parseConfig(
    '/n.conf',
    memoryFiles({
      '/n.conf': 'a;\ninclude one;\nb;\ninclude two; include one;\n',
      '/one': 'c;\ninclude three;\nd;\n',
      '/two': 'e;\n',
      '/three': 'f;\n',
    }),
  );
  const at = (file: string, line: number, column = 1) =>
    new ConfigError({
      message: '',
      file,
      line,
      column: line === 0 && file !== COMMAND_LINE ? 0 : column,
      directive: '',
    });

  it('with each included file where it is included first', () => {
    const inOrder = [
      at(COMMAND_LINE, 0, 3),
      at(COMMAND_LINE, 0, 9),
      at('/n.conf', 1),
      at('/n.conf', 2),
      at('/one', 1),
      at('/one', 2),
      at('/three', 1),
      at('/one', 3),
      at('/n.conf', 3),
      at('/n.conf', 3, 7),
      at('/n.conf', 4),
      at('/two', 1),
      at('/n.conf', 4, 14),
      at('/n.conf', 0),
    ];
    expect(inReadingOrder(inOrder.toReversed(), sources)).toEqual(inOrder);
    expect(inReadingOrder(inOrder, sources)).toEqual(inOrder);
  });
});

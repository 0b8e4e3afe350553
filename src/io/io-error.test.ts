import { describe, expect, it } from 'vitest';
import { ioError, ioErrorOfCode, ioErrorOfNode, ioErrorText } from './io-error.ts';

describe('system errors', () => {
  it('are one frozen object for each call and errno', () => {
    const refused = ioError('connect', 111);
    expect(refused).toEqual({
      call: 'connect',
      errno: 111,
      code: 'ECONNREFUSED',
      text: 'Connection refused',
    });
    expect(ioError('connect', 111)).toBe(refused);
    expect(ioError('recv', 111)).not.toBe(refused);
    expect(Object.isFrozen(refused)).toBe(true);
    expect(ioErrorText(refused)).toBe('111: Connection refused');
  });

  it('have a text for a number that is not known', () => {
    expect(ioErrorText(ioError('recv', 999))).toBe('999: Unknown error 999');
  });

  it('are found by the code that Node reports', () => {
    const error = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(ioErrorOfNode('connect', error).text).toBe('Connection refused');
    expect(ioErrorOfNode('connect', error)).toBe(ioErrorOfCode('connect', 'ECONNREFUSED'));
    expect(ioErrorOfNode('connect', Object.assign(new Error(''), { code: 'ERR_X' })).code).toBe('EINVAL');
    expect(ioErrorOfNode('connect', 'not an error').code).toBe('EINVAL');
  });
});

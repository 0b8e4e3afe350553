import { describe, expect, it } from 'vitest';
import { compileText } from '../../test/support/balancer.ts';
import { modules } from './index.ts';

function mistakes(text: string): string[] {
  return compileText(text).errors.map(({ message }) => message);
}

describe('a directive that nginx knows and Holdfast does not', () => {
  const refused = modules.flatMap((module) => module.directives.filter((each) => each.unsupported));

  it('is refused by name wherever it stands', () => {
    for (const { name } of refused) {
      const expected = [`"${name}" directive is not supported by Holdfast`];
      expect(mistakes(`http { server { ${name} x; } }`)).toEqual(expected);
    }
    expect(refused.length).toBeGreaterThan(350);
  });

  it('is one mistake with all of its block', () => {
    expect(mistakes('stream { server { listen 1; proxy_pass x; } } http { }')).toEqual([
      '"stream" directive is not supported by Holdfast',
    ]);
  });

  it('says to which module it belongs', () => {
    const [error] = compileText('http { fastcgi_pass x; }').errors;
    expect(error?.hint).toContain('ngx_http_fastcgi_module');
  });
});

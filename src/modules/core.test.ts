import { describe, expect, it } from 'vitest';
import { compileText, PREFIX, planOf } from '../../test/support/balancer.ts';

describe('what main and events say', () => {
  it("has nginx's defaults, but for the number of connections", () => {
    const { process, logs } = planOf('events { } http { }');
    expect(process).toMatchObject({
      daemon: true,
      masterProcess: true,
      workers: 1,
      workerConnectionsMax: undefined,
      descriptorsMax: undefined,
      shutdownTimeoutMs: undefined,
      priority: 0,
      pidFile: `${PREFIX}logs/nginx.pid`,
      user: undefined,
      env: [],
      errorLogs: [{ log: 0, level: 'error' }],
    });
    expect(logs[0]?.path).toBe(''); // the one of the command line
  });

  it('is read from any order of lines', () => {
    const { process, logs } = planOf(`
      worker_processes 4; worker_rlimit_nofile 9000; worker_shutdown_timeout 90s; worker_priority -5; pid /run/x.pid;
      user www-data; env PATH; env A=b; daemon off; master_process off;
      error_log stderr; error_log logs/all.log debug; error_log logs/some.log debug_http debug_event;
      http { } events { worker_connections 2000; }`);
    expect(process).toMatchObject({
      daemon: false,
      masterProcess: false,
      workers: 4,
      workerConnectionsMax: 2000,
      descriptorsMax: 9000,
      shutdownTimeoutMs: 90_000,
      priority: -5,
      pidFile: '/run/x.pid',
      user: { user: 'www-data', group: undefined },
      env: ['PATH', 'A=b'],
    });
    const shown = process.errorLogs.map(({ log, level }) => `${logs[log]?.path} ${level}`);
    expect(shown).toEqual(['stderr error', `${PREFIX}logs/all.log debug`, `${PREFIX}logs/some.log debug`]);
  });

  it('takes a file without events, and one worker a core for auto', () => {
    expect(planOf('worker_processes auto; http { }').process.workers).toBe(1); // the test has one core
  });

  it('says what has no effect and why', () => {
    const { noEffect, plan } = compileText(`
      timer_resolution 100ms; lock_file x.lock; thread_pool default threads=2; worker_cpu_affinity auto 0101; pcre_jit on;
      events { use epoll; multi_accept on; accept_mutex off; accept_mutex_delay 1s; }
      http { sendfile on; types_hash_max_size 2048; }`);
    expect(plan).toBeDefined();
    const names = noEffect.map(({ name }) => name);
    expect(names).toEqual(
      `timer_resolution lock_file thread_pool worker_cpu_affinity pcre_jit use multi_accept accept_mutex accept_mutex_delay sendfile
       types_hash_max_size`.split(/\s+/),
    );
    expect(noEffect.every(({ why }) => why.startsWith('because '))).toBe(true);
  });
});

describe('logs of errors', () => {
  it('are those of the nearest block that has any', () => {
    const { servers, logs } = planOf(`
      error_log logs/main.log;
      http {
        server { location / { } }
        server {
          error_log logs/server.log warn; error_log logs/second.log crit;
          location / { }
          location /own { error_log logs/own.log info; }
        }
      }`);
    const shown = (server: number, uri: string): string[] =>
      servers[server]!.tree.find(uri)!.location.core.errorLogs.map(
        ({ log, level }) => `${logs[log]!.path.slice(PREFIX.length)} ${level}`,
      );
    expect(shown(0, '/')).toEqual(['logs/main.log error']);
    expect(shown(1, '/')).toEqual(['logs/server.log warn', 'logs/second.log crit']);
    expect(shown(1, '/own')).toEqual(['logs/own.log info']);
  });
});

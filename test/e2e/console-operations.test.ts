import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consoleOf, startSystem } from '../support/running-system.ts';
import { tillDirectory } from '../support/till-system.ts';

interface Setting {
  readonly name: string;
  readonly value?: string;
  readonly isSecret: boolean;
}

const environment = {
  CONSOLE_PORT: '0',
  BANYAN_ALERT_WEBHOOK: 'http://127.0.0.1:9/hooks/T0/aSecretPath',
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: 'http://127.0.0.1:9/spans?api_key=aSecretKey',
};

test('the console shows no secret of the configuration', async (t) => {
  const system = await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });
  const answer = await fetch(`${consoleOf(system)}/api/configuration`);
  const text = await answer.text();
  assert.doesNotMatch(text, /aSecret/);
  const { settings } = JSON.parse(text) as { readonly settings: readonly Setting[] };
  const named = (name: string) => settings.find((each) => each.name === name);
  assert.equal(named('BANYAN_ALERT_WEBHOOK')?.isSecret, true);
  assert.equal(named('OTEL_EXPORTER_ZIPKIN_ENDPOINT')?.value, 'http://127.0.0.1:9/spans?api_key=[redacted]');
});

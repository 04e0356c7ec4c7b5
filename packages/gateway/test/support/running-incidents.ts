import type { TestContext } from 'node:test';
import { ServiceError } from '@banyan/core';
import { expose, type Format } from '@banyan/gateway';
import { type Incident, incidents } from './incidents.ts';
import { type Handler, type RunningShop, runShop } from './running-shop.ts';

export const north: Incident = {
  id: 'A90N2611211400-1',
  road: 'A90',
  place: 'stonehaven',
  direction: 'north',
  severity: 'significant',
  lanesClosed: 2,
  isCleared: false,
  delayMinutes: null,
  notes: ['Lorry <overturned> & blocked', 'Police on site'],
};

export const path = '/incidents/A90/stonehaven/north/1';

export const northAsXml = `<?xml version="1.0" encoding="UTF-8"?>
<incident xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><id>A90N2611211400-1</id><road>A90</road><place>stonehaven</place>\
<direction>north</direction><severity>significant</severity><lanesClosed>2</lanesClosed><isCleared>false</isCleared>\
<delayMinutes xsi:nil="true"/><notes><item>Lorry &lt;overturned&gt; &amp; blocked</item><item>Police on site</item></notes></incident>
`;

export const northAsText = `id: A90N2611211400-1
road: A90
place: stonehaven
direction: north
severity: significant
lanesClosed: 2
isCleared: false
delayMinutes: (none)
notes:
  - Lorry <overturned> & blocked
  - Police on site
`;

export interface Incidents extends RunningShop {
  /** What PUT and POST were called with. */
  readonly written: unknown[];
}

export async function runIncidents(
  t: TestContext,
  options: { readonly formats?: readonly Format[]; readonly maxAgeS?: number } = {},
): Promise<Incidents> {
  const written: unknown[] = [];
  const write = (input: object) => {
    written.push(input);
    return { ...input, id: north.id };
  };
  const handlers: Readonly<Record<string, Handler>> = {
    listIncidents: () => ({ incidents: [north, { ...north, direction: 'south', severity: 'minor' }] }),
    getIncident: ({ number }: { number: number }) => {
      if (number === 1) return north;
      const details = { known: [1] };
      throw new ServiceError('There is no such incident.', {
        code: 'not_found',
        reason: 'noSuchIncident',
        details,
        declared: true,
      });
    },
    reportIncident: write,
    replaceIncident: write,
  };
  const { formats = ['json', 'xml', 'text'], maxAgeS } = options;
  const running = await runShop(t, {
    contract: incidents,
    handlers,
    gateway: {
      formats,
      userTokens: { issuer: 'shop', audience: 'shop', keys: [incidents, 'publicKeys'] } as never,
      expose: [
        expose(incidents, {
          listIncidents: 'anyone',
          getIncident: maxAgeS === undefined ? 'anyone' : { access: 'anyone', cache: { maxAgeS } },
          reportIncident: 'anyone',
          replaceIncident: 'anyone',
        }),
      ],
    },
  });
  return { ...running, written };
}

export function get(shop: RunningShop, accept: string | undefined, at = path): Promise<Response> {
  return fetch(shop.url + at, { headers: accept === undefined ? {} : { accept } });
}

export function put(shop: RunningShop, contentType: string, body: string): Promise<Response> {
  return fetch(shop.url + path, { method: 'PUT', headers: { 'content-type': contentType }, body });
}

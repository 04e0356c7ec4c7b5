import { contract, operation } from '@banyan/contract';
import { z } from 'zod';

const Incident = z
  .object({
    id: z.string(),
    road: z.string(),
    place: z.string(),
    direction: z.enum(['north', 'south']),
    severity: z.enum(['minor', 'significant', 'severe']),
    lanesClosed: z.number().int().min(0),
    isCleared: z.boolean(),
    delayMinutes: z.number().nullable(),
    notes: z.array(z.string()),
    at: z.object({ latitude: z.number(), longitude: z.number() }).optional(),
    measured: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  })
  .meta({ title: 'incident' });
export type Incident = z.infer<typeof Incident>;

const Place = z.object({ road: z.string(), place: z.string() });
const Ref = Place.extend({ direction: z.enum(['north', 'south']), number: z.number().int() });

/** Road incidents, as resources below road, place and direction. */
export const incidents = contract('incidents', {
  version: '1.0.0',
  operations: {
    listIncidents: operation('GET /incidents/:road/:place', {
      input: Place,
      output: z.object({ incidents: z.array(Incident) }).meta({ title: 'incidents' }),
    }),
    getIncident: operation('GET /incidents/:road/:place/:direction/:number', {
      input: Ref,
      output: Incident,
      errors: { noSuchIncident: { status: 404, data: z.object({ known: z.array(z.number()) }) } },
    }),
    reportIncident: operation('POST /incidents/:road/:place', {
      input: Incident.omit({ id: true }),
      output: Incident,
      location: '/incidents/{road}/{place}/{direction}/1',
      status: 201,
    }),
    replaceIncident: operation('PUT /incidents/:road/:place/:direction/:number', {
      input: Incident.omit({ id: true }).extend({ number: z.number().int() }),
      output: Incident,
    }),
    publicKeys: operation('GET /keys', {
      input: z.object({}),
      output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    }),
  },
});

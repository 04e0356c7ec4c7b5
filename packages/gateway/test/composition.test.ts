import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createUserTokenSigner, generateUserKey } from '@banyan/auth';
import { ServiceError } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import { compose, expose, gateway, type Policies, rateLimit } from '@banyan/gateway';
import { type Handler, runShop, until } from './support/running-shop.ts';
import { type Answer, allUp, order, outage, parts, Ref, runScreens, screens } from './support/screens.ts';

suite('a joined answer', () => {
  test('has the output of each part, each with the input that it needs', async (t) => {
    const { status, json } = await (await runScreens(t)).get();
    assert.equal(status, 200);
    assert.deepEqual(json, {
      order,
      ticket: { state: 'ACCEPTED' },
      restaurant: { name: 'r-1 fr' },
      rating: { stars: 6 },
      missing: [],
    });
  });

  test('asks side by side what needs nothing of each other, and one after the other what does', async (t) => {
    const running = new Set<string>();
    const beside = new Map<string, readonly string[]>();
    const watched = Object.fromEntries(
      Object.entries(allUp).map(([name, handler]): [string, Handler] => [
        name,
        async (input, context) => {
          running.add(name);
          // Everything that can run has begun by then.
          await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
          beside.set(
            name,
            [...running].filter((each) => each !== name),
          );
          running.delete(name);
          return handler(input, context);
        },
      ]),
    );
    const { status } = await (await runScreens(t, watched)).get();
    assert.equal(status, 200);
    assert.deepEqual(beside.get('getOrder'), ['getTicket']);
    assert.deepEqual(beside.get('getRestaurant'), []);
    assert.deepEqual(beside.get('getRating'), []);
  });

  test('marks an optional part whose service does not answer, and says nothing of the inside', async (t) => {
    const shop = await runScreens(t, { getTicket: outage });
    const { status, json, text } = await shop.get();
    assert.equal(status, 200);
    assert.equal(json.ticket, null);
    assert.deepEqual(json.missing, [
      { part: 'ticket', because: 'unavailable', reason: 'circuit_open', given: 'nothing' },
    ]);
    assert.doesNotMatch(text, /db-7/);
    const line = shop.log.find(({ message }) => message === 'a part of an answer is missing');
    assert.equal(line?.fields['part'], 'ticket');
    assert.match(String(line?.fields['error']), /db-7/);
  });

  test('tells what is not there from what cannot be had', async (t) => {
    const shop = await runScreens(t, {
      getTicket: () => {
        throw new ServiceError('none yet', { code: 'not_found', reason: 'ticketNotFound', declared: true });
      },
    });
    const { json } = await shop.get();
    assert.equal(json.ticket, null);
    assert.deepEqual(json.missing, [
      { part: 'ticket', because: 'refused', reason: 'ticketNotFound', given: 'nothing' },
    ]);
  });

  test('gives a fallback in the place of a part, marked as one, and what needs the part does without', async (t) => {
    const { status, json } = await (await runScreens(t, { getRestaurant: outage })).get();
    assert.equal(status, 200);
    assert.deepEqual(json.restaurant, { name: 'a restaurant' });
    // Its input is the fallback's name: 12 letters.
    assert.deepEqual(json.rating, { stars: 12 });
    assert.deepEqual(json.missing, [
      { part: 'restaurant', because: 'unavailable', reason: 'circuit_open', given: 'fallback' },
    ]);
  });

  test('gives the answer that was kept while the service is away, marked with its age', async (t) => {
    const clock = createManualClock(Date.now());
    let isAway = false;
    const shop = await runScreens(
      t,
      { getRestaurant: () => (isAway ? outage() : { name: 'Ajanta' }) },
      { getRestaurant: { access: 'anyone', cache: { maxAgeS: 10, staleIfErrorS: 600 } } },
      { clock },
    );
    assert.deepEqual((await shop.get()).json.missing, []);
    isAway = true;
    clock.advance(70_000);
    const { json } = await shop.get();
    assert.deepEqual(json.restaurant, { name: 'Ajanta' });
    assert.deepEqual(json.missing, [
      { part: 'restaurant', because: 'unavailable', reason: 'kept_answer', given: 'kept', ageS: 70 },
    ]);
  });

  test('is refused as its mandatory part is: 404 stays 404', async (t) => {
    const { status, json } = await (
      await runScreens(t, {
        getOrder: () => {
          throw new ServiceError('no', { code: 'not_found', reason: 'orderNotFound', declared: true });
        },
      })
    ).get();
    assert.equal(status, 404);
    assert.equal(json.reason, 'orderNotFound');
  });

  test('is 502 or 503, never 500, when the service of a mandatory part fails', async (t) => {
    const cases: readonly (readonly [Handler, number, string])[] = [
      [outage, 503, 'circuit_open'],
      [
        () => {
          throw new Error('secret: password of host db-7');
        },
        502,
        'part_failed',
      ],
    ];
    for (const [getOrder, status, reason] of cases) {
      const shop = await runScreens(t, { getOrder });
      const answer = await shop.get();
      assert.equal(answer.status, status);
      assert.equal(answer.json.reason, reason);
      assert.doesNotMatch(answer.text, /db-7/);
      const line = shop.log.find(({ message }) => message === 'request failed');
      assert.ok(line, 'the log has it');
    }
  });

  test('does not wait for an optional part longer than four fifths of its time', async (t) => {
    const shop = await runScreens(t, {
      getTicket: (_input, { deadlineMs, signal }) =>
        new Promise((_resolve, reject) => {
          const timeout = new ServiceError('late', {
            code: 'deadline_exceeded',
            reason: 'deadline_exceeded',
          });
          // The real endpoints reject at the deadline of their context.
          setTimeout(() => reject(timeout), deadlineMs - Date.now()).unref();
          signal.addEventListener('abort', () => reject(timeout));
        }),
    });
    const startedMs = performance.now();
    const { status, json } = await shop.get();
    const tookMs = performance.now() - startedMs;
    assert.equal(status, 200);
    assert.deepEqual(json.missing, [
      { part: 'ticket', because: 'unavailable', reason: 'deadline_exceeded', given: 'nothing' },
    ]);
    assert.ok(tookMs >= 790 && tookMs < 30_000, `${tookMs} ms`);
  });

  test('waits no longer for a part whose answers are kept, which is kept all the same when it comes', async (t) => {
    const clock = createManualClock(Date.now());
    const gate = Promise.withResolvers<void>();
    let asked = 0;
    const shop = await runScreens(
      t,
      {
        getRestaurant: async () => {
          asked += 1;
          await gate.promise;
          return { name: 'Ajanta' };
        },
      },
      { getRestaurant: { access: 'anyone', cache: { maxAgeS: 10 } } },
      { clock },
    );
    let late: Answer | undefined;
    const answering = shop.get().then(({ json }) => {
      late = json;
    });
    await until(() => asked === 1, 'it is asked');
    // Four fifths of the second that the whole has; the part alone might take ten.
    clock.advance(810);
    await until(() => late !== undefined, 'it is answered');
    await answering;
    assert.deepEqual(late?.missing, [
      { part: 'restaurant', because: 'unavailable', reason: 'deadline_passed', given: 'fallback' },
    ]);
    gate.resolve();
    assert.deepEqual((await shop.get()).json.restaurant, { name: 'Ajanta' });
    assert.equal(asked, 1);
  });

  test('gives up its other parts when a mandatory one is refused', async (t) => {
    let isGivenUp = false;
    const shop = await runScreens(t, {
      getTicket: (_input, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            isGivenUp = true;
            reject(new ServiceError('cancelled', { code: 'cancelled', reason: 'call_cancelled' }));
          });
        }),
      getOrder: () => {
        throw new ServiceError('no', { code: 'not_found', reason: 'orderNotFound', declared: true });
      },
    });
    assert.equal((await shop.get()).status, 404);
    assert.equal(isGivenUp, true);
  });

  test('asks no part that is for users for a program that they have allowed something else', async (t) => {
    const issuer = 'programs';
    const privateJwk = await generateUserKey();
    const signer = createUserTokenSigner({ issuer, audience: 'shop', privateJwk, lifetimeS: 900 });
    const read = { scope: 'orders:read' };
    const shop = await runShop(t, {
      contract: parts,
      handlers: { ...allUp, programKeys: async () => ({ issuer, ...(await signer.jwks()) }) },
      gateway: {
        userTokens: {
          issuer: 'shop',
          audience: 'shop',
          keys: [parts, 'publicKeys'],
          delegated: { audience: 'shop', keys: [parts, 'programKeys'] },
        } as never,
        expose: [
          expose(screens, { orderDetails: read }),
          expose(parts, { getOrder: read, getTicket: 'user', getRestaurant: 'anyone' }),
        ],
      },
    });
    const ask = async (scopes: readonly string[]) => {
      const { token } = await signer.sign({ id: 'ada', scopes });
      const headers = { authorization: `Bearer ${token}` };
      const response = await fetch(`${shop.url}/orders/o-1/details`, { headers });
      assert.equal(response.status, 200);
      return (await response.json()) as Answer;
    };
    const some = await ask(['orders:read']);
    assert.deepEqual(some.order, order);
    assert.equal(some.ticket, null);
    assert.equal(some.rating, null);
    assert.deepEqual(some.missing.map(({ part, reason }) => `${part} ${reason}`).sort(), [
      'rating insufficient_scope',
      'ticket insufficient_scope',
    ]);
    const whole = await ask(['orders:read', 'user']);
    assert.deepEqual([whole.ticket, whole.rating, whole.missing], [{ state: 'ACCEPTED' }, { stars: 6 }, []]);
  });

  test('does not ask a part that is switched off', async (t) => {
    const asked: string[] = [];
    const handlers: Readonly<Record<string, Handler>> = Object.fromEntries(
      Object.entries(allUp).map(([name, handler]): [string, Handler] => [
        name,
        (input, context) => {
          asked.push(name);
          return handler(input, context);
        },
      ]),
    );
    const optional = await runScreens(t, handlers, { getTicket: { access: 'user', initially: 'off' } });
    const { status, json } = await optional.get();
    assert.equal(status, 200);
    assert.equal(json.ticket, null);
    assert.deepEqual(json.missing, [
      { part: 'ticket', because: 'refused', reason: 'route_not_found', given: 'nothing' },
    ]);
    const mandatory = await runScreens(t, handlers, { getOrder: { access: 'user', initially: 'off' } });
    assert.equal((await mandatory.get()).status, 404);
    assert.equal(asked.filter((name) => name === 'getTicket').length, 1);
    assert.equal(asked.filter((name) => name === 'getOrder').length, 1);
  });

  test('asks each part under its own policy', async (t) => {
    const perUser = rateLimit('tickets', { quota: 1, windowS: 3_600, per: 'user' });
    let asked = 0;
    const getOrder = () => {
      asked += 1;
      return order;
    };
    const shop = await runScreens(t, { getOrder }, { getOrder: { scope: 'staff' } });
    const refused = await shop.get();
    assert.equal(refused.status, 403);
    assert.equal(refused.json.reason, 'insufficient_scope');
    assert.equal(asked, 0);
    const limited = await runScreens(t, {}, { getTicket: { access: 'user', rates: [perUser] } });
    assert.deepEqual((await limited.get()).json.missing, []);
    const second = await limited.get();
    assert.equal(second.status, 200);
    assert.deepEqual(second.json.missing, [
      { part: 'ticket', because: 'unavailable', reason: 'rate_limited', given: 'nothing' },
    ]);
    // An open part is not told who asks, as on its own route.
    const users = new Set(limited.contexts.map(({ caller }) => caller.user?.id));
    assert.deepEqual(users, new Set(['ada', undefined]));
  });

  test('has the fields that a view of it names, and no others', async (t) => {
    const shop = await runScreens(t);
    const { json, text } = await shop.get('/phone/orders/o-1');
    assert.deepEqual(json, { order: { state: 'APPROVED' }, missing: [] });
    const whole = await shop.get();
    assert.ok(text.length * 4 < whole.text.length);
  });

  test('is described by one schema, and comes in every format of the gateway', async (t) => {
    const shop = await runScreens(t, { getTicket: outage });
    const document = (await (await fetch(`${shop.url}/openapi.json`)).json()) as {
      paths: Record<
        string,
        { get: { responses: Record<string, { content: Record<string, { schema: unknown }> }> } }
      >;
    };
    const { responses } = document.paths['/phone/orders/{orderId}']?.get ?? { responses: {} };
    const schema = responses['200']?.content['application/json']?.schema as {
      properties: { order: { properties: object } };
      required: readonly string[];
    };
    assert.deepEqual(schema.required, ['order', 'missing']);
    assert.deepEqual(schema.properties.order.properties, { state: { type: 'string' } });
    assert.ok(responses['404']);
    const xml = await fetch(`${shop.url}/orders/o-1/details`, {
      headers: { authorization: `Bearer ${await shop.token()}`, accept: 'text/xml' },
    });
    assert.match(await xml.text(), /<ticket xsi:nil="true"\/>.*<missing><item><part>ticket<\/part>/s);
  });
});
suite('the declaration of a joined answer', () => {
  const input = { orderId: 'input.orderId' } as const;

  test('is refused if it contradicts itself', () => {
    const declare = (build: (none: never) => unknown) => () =>
      compose('GET /x/:orderId', { input: Ref, parts: build as never });
    // biome-ignore lint/suspicious/noExplicitAny: what types refuse, plain JavaScript may still hand in.
    type Loose = any;
    assert.throws(
      declare((none: Loose) => none),
      /at least one part/,
    );
    assert.throws(
      declare((none: Loose) =>
        none.optional('visits', [parts, 'getVisits'], { input: { ...input, address: 'input.orderId' } }),
      ),
      /the gateway alone says/,
    );
    assert.throws(
      declare((none: Loose) => none.optional('tip', [parts, 'addTip'], { input })),
      /must be a GET/,
    );
    assert.throws(
      declare((none: Loose) => none.optional('x', [parts, 'nothing'], { input })),
      /does not have/,
    );
    assert.throws(
      declare((none: Loose) => none.optional('missing', [parts, 'getTicket'], { input })),
      /another name/,
    );
    assert.throws(
      declare((none: Loose) => none.optional('a', [parts, 'getTicket'], { input: { orderId: 'b.orderId' } })),
      /needs 'b'; name that part before it/,
    );
    assert.throws(
      declare((none: Loose) =>
        none
          .optional('a', [parts, 'getTicket'], { input })
          .mandatory('b', [parts, 'getOrder'], { input: { orderId: 'a.state' } }),
      ),
      /make it mandatory/,
    );
  });

  test('is refused by a gateway that could never answer it, or would answer more than its parts allow', () => {
    const userTokens = { issuer: 'shop', audience: 'shop', keys: [parts, 'publicKeys'] } as const;
    const define = (details: Policies<typeof screens>, exposed: Policies<typeof parts>) => () =>
      gateway({ userTokens, expose: [expose(screens, details), expose(parts, exposed)] });
    const all = { getOrder: 'user', getTicket: 'user', getRestaurant: 'anyone' } as const;
    assert.throws(define({ orderDetails: 'anyone' }, all), /cannot be for anyone/);
    assert.throws(define({ orderDetails: 'user' }, { getOrder: 'user' }), /part 'ticket' .* is not exposed/);
    assert.throws(define({ orderDetails: 'user' }, { ...all, getRating: 'user' }), /remove 'access'/);
    assert.throws(
      define({ orderDetails: { access: 'user', cache: { maxAgeS: 1, same: 'user' } } }, all),
      /may lack parts/,
    );
    assert.doesNotThrow(define({ orderDetails: 'user' }, all));
  });
});

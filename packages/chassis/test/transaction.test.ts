import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system, type Tx } from '@banyan/chassis';
import { contract, event, operation } from '@banyan/contract';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const Note = z.object({ noteId: z.string() });
const notes = contract('notes', {
  version: '1.0.0',
  operations: { add: operation('POST /notes', { input: Note, output: z.object({ xid: z.string() }) }) },
  events: { added: event('NoteAdded', { data: Note, key: 'noteId' }) },
});

interface Parts extends Pick<Tx<typeof notes>, 'sql' | 'emit' | 'onCommit' | 'savepoint' | 'audit'> {
  readonly noteId: string;
}

async function add({ noteId, sql, emit, onCommit, savepoint, audit }: Parts, committed: string[]) {
  emit('added', { noteId });
  audit('add', { subject: noteId });
  onCommit(() => committed.push(noteId));
  await savepoint((inner) => inner`select 1`);
  const [row] = await sql<{ xid: string }>`select pg_current_xact_id()::text as xid`;
  return { xid: row?.xid ?? '' };
}

test('a transaction can be taken apart, and passed on with more in it', async (t) => {
  const committed: string[] = [];
  const heard: string[] = [];
  const notesService = service(notes, {
    operations: { add: ({ noteId }, { tx }) => tx((open) => add({ ...open, noteId }, committed)) },
    on: { 'notes.added': async ({ noteId }) => void heard.push(noteId) },
  });
  const reader = contract('reader', { version: '1.0.0', operations: {} });
  const readerService = service(reader, { uses: { notes }, operations: {} });
  const running = await startTestSystem(t, system('apart', { services: [notesService, readerService] }));
  const { xid } = await running.client(notes, { service: 'reader' }).add({ noteId: 'n-1' });
  assert.match(xid, /^\d+$/);
  assert.deepEqual(committed, ['n-1']);
  for (const endMs = Date.now() + 20_000; heard.length === 0; ) {
    assert.ok(Date.now() < endMs, 'the event was not heard');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});

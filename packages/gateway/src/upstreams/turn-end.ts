/** Something that is to be done once at the end of a turn of the event loop. */
export interface TurnTask {
  onTurnEnd(): void;
}

/**
 * Does what several requests of one turn of the event loop want once all that has arrived is read, one right after the other. An upstream that is idle has to be
 * woken, which can cost as much as to send: requests that leave together find it awake.
 */
export interface TurnEnd {
  add(task: TurnTask): void;
}

export function createTurnEnd(): TurnEnd {
  let due: TurnTask[] = [];
  const run = () => {
    const tasks = due;
    due = [];
    for (const task of tasks) task.onTurnEnd();
  };
  return {
    add(task) {
      if (due.length === 0) setImmediate(run);
      due.push(task);
    },
  };
}

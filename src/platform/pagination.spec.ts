import { newId } from './ids.js';
import { cursorOf, idOfCursor, PageQuery, paginate } from './pagination.js';

const rows = Array.from({ length: 5 }, () => ({ id: newId() })).reverse();

/** The loader that a repository would be. */
const load = async (before: string | undefined, take: number) =>
  rows.filter(({ id }) => before === undefined || id < before).slice(0, take);

const query = (limit: number, cursor?: string): PageQuery => Object.assign(new PageQuery(), { limit, cursor });

describe('paginate', () => {
  it('walks through all rows once', async () => {
    const first = await paginate(query(2), load, ({ id }) => id);
    const second = await paginate(query(2, first.nextCursor ?? ''), load, ({ id }) => id);
    const third = await paginate(query(2, second.nextCursor ?? ''), load, ({ id }) => id);
    expect([...first.data, ...second.data, ...third.data]).toEqual(rows.map(({ id }) => id));
    expect(third.nextCursor).toBeNull();
  });

  it('has no next page when the last row is the last of the page', async () => {
    expect((await paginate(query(5), load, ({ id }) => id)).nextCursor).toBeNull();
    expect((await paginate(query(4), load, ({ id }) => id)).nextCursor).not.toBeNull();
  });
});

describe('cursor', () => {
  it('holds an id', () => {
    const id = newId();
    expect(cursorOf(id)).toMatch(/^[\w-]{27}$/);
    expect(idOfCursor(cursorOf(id))).toBe(id);
  });

  it('is refused when any character was changed', () => {
    const cursor = cursorOf(newId());
    for (let place = 0; place < cursor.length; place++) {
      const other = cursor[place] === 'x' ? 'y' : 'x';
      expect(idOfCursor(cursor.slice(0, place) + other + cursor.slice(place + 1))).toBeUndefined();
    }
  });

  it.each(['', 'x', newId(), cursorOf(newId()).slice(1), `${cursorOf(newId())}=`, `${cursorOf(newId())}AA`])(
    'is refused as %j',
    (cursor) => expect(idOfCursor(cursor)).toBeUndefined(),
  );
});

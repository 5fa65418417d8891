import { Parser } from 'htmlparser2';

/** Vendor text is cut to this many characters before anything else looks at it. */
const LIMIT = 4000;
const BLOCKS = new Set([
  'p',
  'div',
  'br',
  'li',
  'tr',
  'ul',
  'ol',
  'table',
  'blockquote',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'hr',
]);
const SILENT = new Set(['script', 'style', 'template', 'title']);
const PICTURE = '[图片]';

/** HTML or plain text → plain text: tags stripped, entities decoded, pictures named, blanks folded. */
export function plainText(source: string): string {
  const text = source.slice(0, LIMIT);
  const flat = /[<&]/.test(text) ? strip(text) : text;
  return flat.replace(/[\s\u00a0]+/g, ' ').trim();
}

function strip(html: string): string {
  let text = '';
  let silent = 0;
  const parser = new Parser({
    onopentagname(name) {
      if (SILENT.has(name)) silent++;
      else if (name === 'img') text += PICTURE;
      else if (BLOCKS.has(name)) text += ' ';
    },
    ontext(data) {
      if (silent === 0) text += data;
    },
    onclosetag(name) {
      if (SILENT.has(name)) silent--;
      else if (BLOCKS.has(name)) text += ' ';
    },
  });
  parser.end(html);
  return text;
}

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** ASCII, Chinese characters and their punctuation, none of which joins another: segmenting them would tell nothing new. */
const STANDALONE = /^[\x20-\x7e\u3001-\u3011\u4e00-\u9fff\uff01-\uff5e]*$/;

/** Cuts to at most `limit` user-perceived characters, the last of which is an ellipsis when something was cut. */
export function clipText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  if (STANDALONE.test(text.slice(0, limit + 1))) return `${text.slice(0, limit - 1)}…`;
  let count = 0;
  let keep = 0;
  for (const { index } of graphemes.segment(text)) {
    if (count === limit - 1) keep = index;
    if (count === limit) return `${text.slice(0, keep)}…`;
    count++;
  }
  return text;
}

/** Cuts to at most `limit` bytes of UTF-8 on a grapheme boundary, ellipsis included. */
export function clipBytes(text: string, limit: number): string {
  if (Buffer.byteLength(text) <= limit) return text;
  const room = limit - Buffer.byteLength('…');
  let bytes = 0;
  let end = 0;
  for (const { segment, index } of graphemes.segment(text)) {
    bytes += Buffer.byteLength(segment);
    if (bytes > room) break;
    end = index + segment.length;
  }
  return room < 0 ? '' : `${text.slice(0, end)}…`;
}

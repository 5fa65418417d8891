import { decryptEchat, encryptEchat, issuePushInfo, openPushInfo, signEchat } from './echat.crypto.js';

describe('the signature', () => {
  it('sorts by code unit, capitals before small letters', () => {
    expect(signEchat('echat-test-token-01', '1768463990123', 'Zed')).toBe(
      signEchat('1768463990123Zedechat-test-token-01'),
    );
  });
});

describe('the encryption', () => {
  const key = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG';
  const open = (base64: string, appId = 'APP') => decryptEchat(key, appId, base64);

  it.each([0, 1, 8, 9, 10, 40, 5000])('opens what it closes: %d bytes', (length) => {
    const opened = open(encryptEchat(key, 'APP', 'x'.repeat(length)));
    expect(opened).toEqual({ ok: true, message: Buffer.from('x'.repeat(length)) });
  });

  it('pads to blocks of 32 bytes', () => {
    const lengths = [0, 5, 9, 25].map(
      (length) => Buffer.from(encryptEchat(key, 'APP', 'x'.repeat(length)), 'base64').length,
    );
    expect(lengths).toEqual([32, 32, 64, 64]);
  });

  it('reads base64 without padding and with line breaks', () => {
    const wrapped = encryptEchat(key, 'APP', 'text').replace(/=+$/, '').replace(/.{20}/g, '$&\r\n');
    expect(open(wrapped)).toMatchObject({ ok: true });
  });

  it('tells another App ID from a broken text', () => {
    expect(open(encryptEchat(key, 'OTHER', 'text'))).toEqual({ ok: false, code: 'echat.appid_mismatch' });
    expect(open(encryptEchat(key.replace('a', 'b'), 'APP', 'text'))).toEqual({
      ok: false,
      code: 'echat.decrypt_failed',
    });
  });

  it.each(['', '!', 'AAAA', Buffer.alloc(16).toString('base64'), Buffer.alloc(33).toString('base64')])(
    'refuses nonsense: %p',
    (base64) => {
      expect(open(base64)).toEqual({ ok: false, code: 'echat.decrypt_failed' });
    },
  );
});

describe('a pushInfo', () => {
  const key = 'pushinfo-test-key';

  it.each(['user_10086', '用户', 'a.b', 'x'.repeat(171)])('gives back its user: %s', (userId) => {
    expect(openPushInfo(key, 'i1', issuePushInfo(key, 'i1', userId))).toBe(userId);
  });

  it('is bound to its integration and its key', () => {
    const pushInfo = issuePushInfo(key, 'i1', 'user');
    expect(openPushInfo(key, 'i2', pushInfo)).toBeUndefined();
    expect(openPushInfo('another-test-key-1', 'i1', pushInfo)).toBeUndefined();
  });

  it.each(['', '.', 'np1', 'np1.', 'np1..', 'np1.dXNlcg', 'np1.dXNlcg.', 'np2.dXNlcg.AAAA'])(
    'is not %p',
    (pushInfo) => {
      expect(openPushInfo(key, 'i1', pushInfo)).toBeUndefined();
    },
  );

  it('has room for 171 bytes', () => {
    expect(issuePushInfo(key, 'i1', 'x'.repeat(171))).toHaveLength(255);
    expect(() => issuePushInfo(key, 'i1', 'x'.repeat(172))).toThrow(RangeError);
  });
});

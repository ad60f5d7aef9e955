// A client that knows nothing of Framegate but its issuer: every answer is checked by oauth4webapi, which throws.
// Reads {issuer, audience, token, username, password} and prints what it saw, its secrets apart.

import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";

import * as oauth from "../../vendor/oauth4webapi/index.js";

globalThis.crypto ??= webcrypto; // Node 18 has it behind a flag

const given = JSON.parse(readFileSync(0, "utf8"));
const plain = { [oauth.allowInsecureRequests]: true }; // loopback speaks no TLS
const callback = "http://127.0.0.1:9/callback";
const scope = "read write";
const seen = {};
const secrets = new Set();

/** Remember what of an answer nobody else may find. */
function keep(answer) {
  for (const name of ["access_token", "client_secret", "refresh_token", "registration_access_token"])
    if (answer[name]) secrets.add(answer[name]);
  return answer;
}

const issuer = new URL(given.issuer);
const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...plain });
const server = await oauth.processDiscoveryResponse(issuer, discovered);

async function register(metadata) {
  const options = { initialAccessToken: given.token, ...plain };
  const response = await oauth.dynamicClientRegistrationRequest(server, { scope, ...metadata }, options);
  return keep(await oauth.processDynamicClientRegistrationResponse(response));
}

/** Ask for a token with the client's own credentials. */
async function ask(client, auth, options = {}) {
  const parameters = { scope: "read", resource: given.audience };
  const response = await oauth.clientCredentialsGrantRequest(server, client, auth, parameters, { ...plain, ...options });
  return keep(await oauth.processClientCredentialsResponse(server, client, response));
}

async function introspect(client, auth, token) {
  const response = await oauth.introspectionRequest(server, client, auth, token, plain);
  return oauth.processIntrospectionResponse(server, client, response);
}

async function revoke(client, auth, token) {
  await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, auth, token, plain));
}

/** Validate an access token (RFC 9068) as a resource server does, with the proof that comes along. */
async function validate(request) {
  return oauth.validateJwtAccessToken(server, request, given.audience, plain);
}

function bearing(token) {
  return new Request("http://resource.invalid/", { headers: { Authorization: `Bearer ${token}` } });
}

/** Return the OAuth error that a promise ends in. */
async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    if (error instanceof oauth.WWWAuthenticateChallengeError) return (await error.response.json()).error;
    return error.error ?? `${error.message} ${error.cause?.claim}`;
  }
  return "none";
}

/** Sign in and allow, as a person with a browser does, and return where the browser is sent. */
async function consent(url) {
  const page = await fetch(url, { redirect: "error" });
  const sealed = /name="request" value="([^"]+)"/.exec(await page.text())[1];
  const form = { request: sealed, decision: "allow", username: given.username, password: given.password };
  const cookie = page.headers.getSetCookie()[0].split(";")[0];
  const body = new URLSearchParams(form);
  const answer = await fetch(server.authorization_endpoint, {
    method: "POST", body, headers: { cookie }, redirect: "manual",
  });
  return new URL(answer.headers.get("location"));
}

/** Go through the code flow with PKCE, and return the tokens. */
async function signIn(client, auth, options = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: client.client_id, redirect_uri: callback, response_type: "code", scope, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  const parameters = oauth.validateAuthResponse(server, client, await consent(url), state);
  secrets.add(verifier).add(parameters.get("code"));
  const response = await oauth.authorizationCodeGrantRequest(
    server, client, auth, parameters, callback, verifier, { ...plain, ...options },
  );
  return keep(await oauth.processAuthorizationCodeResponse(server, client, response));
}

async function refresh(client, auth, token, options = {}) {
  const response = await oauth.refreshTokenGrantRequest(server, client, auth, token, { ...plain, ...options });
  return keep(await oauth.processRefreshTokenResponse(server, client, response));
}

// Registration, then each way to authenticate.
const grants = ["client_credentials", "authorization_code", "refresh_token"];
const client = await register({ client_name: "by secret", grant_types: grants, redirect_uris: [callback] });
const pair = await oauth.generateKeyPair("ES256");
const jwk = { ...(await crypto.subtle.exportKey("jwk", pair.publicKey)), kid: "mine" };
const signing = await register({
  client_name: "by key", grant_types: ["client_credentials"],
  token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [jwk] },
});
seen.key_has_secret = "client_secret" in signing;

const basic = oauth.ClientSecretBasic(client.client_secret);
const post = oauth.ClientSecretPost(client.client_secret);
const assertion = oauth.PrivateKeyJwt({ key: pair.privateKey, kid: "mine" });
seen.claims = {};
for (const [name, who, auth] of [["basic", client, basic], ["post", client, post], ["assertion", signing, assertion]]) {
  const { access_token: token } = await ask(who, auth);
  seen.claims[name] = await validate(bearing(token));
  seen.claims[name].introspected = await introspect(who, auth, token);
  await revoke(who, auth, token);
  seen.claims[name].revoked = await introspect(who, auth, token);
}
seen.wrong_secret = await errorOf(ask(client, oauth.ClientSecretBasic("wrong")));
seen.other_audience = await errorOf(
  oauth.validateJwtAccessToken(server, bearing((await ask(client, basic)).access_token), "urn:other", plain),
);

// The code flow, with and without a bound token.
const tokens = await signIn(client, basic);
seen.person = await validate(bearing(tokens.access_token));
const refreshed = await refresh(client, basic, tokens.refresh_token);
seen.refreshed = await validate(bearing(refreshed.access_token));
seen.refresh_token_introspected = await introspect(client, basic, refreshed.refresh_token);
await revoke(client, basic, refreshed.refresh_token);
seen.refresh_after_revocation = await errorOf(refresh(client, basic, refreshed.refresh_token));
seen.access_after_revocation = await introspect(client, basic, refreshed.access_token);

const proofs = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
seen.bound = {};
const signedIn = await signIn(client, basic, { DPoP: proofs });
for (const [name, answer] of Object.entries({
  client_credentials: await ask(client, basic, { DPoP: proofs }),
  authorization_code: signedIn,
  refresh_token: await refresh(client, basic, signedIn.refresh_token, { DPoP: proofs }),
})) {
  const headers = new Headers({ Authorization: `DPoP ${answer.access_token}` });
  const url = new URL("http://resource.invalid/");
  await proofs.addProof(url, headers, "GET", answer.access_token);
  const claims = await validate(new Request(url, { headers }));
  seen.bound[name] = { token_type: answer.token_type, bound: claims.cnf.jkt === (await proofs.calculateThumbprint()) };
}
console.log(JSON.stringify({ seen, secrets: [...secrets] }));

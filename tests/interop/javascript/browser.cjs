// The few things of a browser that dicomweb-client of npm expects, over the fetch of Node.js.
"use strict";

class XMLHttpRequest {
  readyState = 0;
  status = 0;
  responseType = "";
  response = null;
  #headers = new Headers();
  #answered = new Headers();

  open(method, url) {
    this.method = method.toUpperCase();
    this.url = url;
  }

  setRequestHeader(name, value) {
    this.#headers.append(name, value);
  }

  getResponseHeader(name) {
    return this.#answered.get(name);
  }

  getAllResponseHeaders() {
    return [...this.#answered].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  }

  async send(body) {
    // A browser asks for anything when the page says nothing.
    if (!this.#headers.has("accept")) this.#headers.set("accept", "*/*");
    const answer = await fetch(this.url, { method: this.method, headers: this.#headers, body });
    const bytes = await answer.arrayBuffer();
    this.status = answer.status;
    this.#answered = answer.headers;
    if (this.responseType === "arraybuffer") this.response = bytes;
    else {
      const text = new TextDecoder().decode(bytes);
      this.response = this.responseType === "json" ? JSON.parse(text || "null") : text;
    }
    this.readyState = 4;
    this.onreadystatechange?.();
    this.onloadend?.();
  }
}

globalThis.XMLHttpRequest = XMLHttpRequest;

"""Triangle meshes as data: conversion, topology, areas, crossings, rays. Knows nothing of heads or implants."""
